// What am I worth, what changed, what needs me.
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { ChevronRight, Landmark } from "lucide-react"
import { type ReactNode, useEffect, useState } from "react"
import * as queries from "../api/queries"
import type { Dashboard as Data, Money, Period, WealthHistory } from "../api/types"
import { AreaSeries } from "../charts/AreaSeries"
import { StackedBar } from "../charts/StackedBar"
import { ago } from "../format/dates"
import { difference, geometry, isDecimal } from "../format/money"
import { missingWords } from "../format/words"
import { isTyping } from "../shell/keys"
import { recall, remember, usePrefs } from "../shell/prefs"
import { buttonClass } from "../ui/Button"
import { Card } from "../ui/Card"
import { Delta, Figure, Headline } from "../ui/Figure"
import { PageHead } from "../ui/PageHead"
import { Segmented } from "../ui/Segmented"
import { Empty, Failed, Loading, RowSkeletons, Skeleton } from "../ui/States"
import { AccountGroups } from "./AccountGroups"
import { Attention } from "./Attention"
import { Checklist } from "./Checklist"
import { TransactionRow } from "./TransactionRow"

const periods: { value: Period; text: string; title: string; words: string }[] = [
  { value: "1W", text: "1W", title: "One week", words: "past week" },
  { value: "1M", text: "1M", title: "One month", words: "past month" },
  { value: "3M", text: "3M", title: "Three months", words: "past three months" },
  { value: "1Y", text: "1Y", title: "One year", words: "past year" },
  { value: "ALL", text: "All", title: "Everything", words: "since the beginning" },
]

function usePeriod(): [Period, (p: Period) => void] {
  const [period, setPeriod] = useState<Period>(
    () => periods.find((p) => p.value === recall("period"))?.value ?? "3M",
  )
  const { letters } = usePrefs()
  useEffect(() => remember("period", period), [period])
  useEffect(() => {
    if (!letters) return
    const onKey = (e: KeyboardEvent) => {
      if (isTyping(e.target) || e.ctrlKey || e.metaKey || e.altKey) return
      const by = e.key === "[" ? -1 : e.key === "]" ? 1 : 0
      if (by === 0) return
      setPeriod((now) => periods[periods.findIndex((p) => p.value === now) + by]?.value ?? now)
    }
    document.addEventListener("keydown", onKey)
    return () => document.removeEventListener("keydown", onKey)
  }, [letters])
  return [period, setPeriod]
}

export default function Dashboard() {
  const { data, error, isPending, refetch } = useQuery(queries.dashboard)
  return (
    <>
      <PageHead
        title="Dashboard"
        lead={
          data?.lastBalanceUpdate
            ? `Updated ${ago(data.lastBalanceUpdate)}`
            : isPending
              ? "\u00a0"
              : undefined
        }
      />
      <div className="space-y-5">
        <Attention />
        <Checklist />
        {error && !data ? (
          <Card>
            <Failed what="your dashboard" error={error} retry={() => void refetch()} />
          </Card>
        ) : data && data.accounts.length === 0 ? (
          <Card>
            <Empty
              icon={<Landmark />}
              title="Your net worth will stand here"
              action={
                <>
                  <a href="/connect" className={buttonClass("primary")}>
                    Connect an account
                  </a>
                  <Link to="/import" className={buttonClass()}>
                    Import a file
                  </Link>
                </>
              }
            >
              Connect a bank, a brokerage or a crypto exchange, or bring a statement you already have.
            </Empty>
          </Card>
        ) : (
          <Filled data={data} />
        )}
      </div>
    </>
  )
}

function Filled({ data }: { data: Data | undefined }) {
  return (
    <>
      <NetWorth data={data} />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 lg:grid-cols-[minmax(0,1.6fr)_minmax(0,1fr)]">
        <div className="space-y-5">
          <Card
            id="accounts"
            title="Accounts"
            flush
            aside={
              <Link to="/accounts" className="inline-flex items-center text-sm text-ink-2 hover:text-ink">
                All accounts
                <ChevronRight className="size-4" aria-hidden="true" />
              </Link>
            }
          >
            {data ? (
              <AccountGroups accounts={data.accounts} />
            ) : (
              <RowSkeletons rows={6} what="your accounts" />
            )}
          </Card>
        </div>
        <div className="space-y-5">
          <Allocation data={data} />
          <Recent />
        </div>
      </div>
    </>
  )
}

function NetWorth({ data }: { data: Data | undefined }) {
  const [period, setPeriod] = usePeriod()
  const { data: history, error, isPending, refetch } = useQuery(queries.wealthHistory(period))
  const missing = data && !data.complete ? data.missing.map(missingWords).join(" ") : undefined
  const moved = change(history)
  const words = periods.find((p) => p.value === period)?.words ?? ""
  return (
    <section className="card px-5 pt-5 pb-3 max-sm:px-4" aria-label="Net worth">
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <h2 className="text-sm font-medium text-ink-2">Net worth</h2>
          {data ? (
            <Headline
              value={data.totalBalance}
              why={missing || "No balance is known yet."}
              uncertain={data.totalBalance && missing ? missing : undefined}
            />
          ) : (
            <Loading what="your net worth">
              <Skeleton className="my-2 h-8 w-56" />
            </Loading>
          )}
          <p className="flex min-h-6 flex-wrap items-center gap-x-2 text-sm text-ink-3">
            {moved ? (
              <>
                <Delta value={moved.value} rate={moved.rate} /> {words}
              </>
            ) : (
              "\u00a0"
            )}
          </p>
        </div>
        <Segmented label="Period" value={period} options={periods} onChange={setPeriod} />
      </div>
      <div className="mt-4">
        {error && !history ? (
          <Failed what="the history" error={error} retry={() => void refetch()} />
        ) : isPending ? (
          <Skeleton className="mb-9 h-60 rounded-lg" />
        ) : (history?.dataPoints ?? []).length < 2 ? (
          <p className="flex h-60 items-center justify-center rounded-lg bg-sunken px-6 text-center text-ink-2">
            The line begins with your second day here.
          </p>
        ) : (
          <AreaSeries
            label="Net worth"
            currency={history?.currency ?? "USD"}
            series={history?.dataPoints ?? []}
          />
        )}
      </div>
    </section>
  )
}

/** The difference between the two ends of the line, and its share of the first. */
export function change(
  history: WealthHistory | undefined,
): { value: Money; rate: string | null } | undefined {
  const points = history?.dataPoints ?? []
  const first = points[0]?.value
  const last = points.at(-1)?.value
  if (!history || points.length < 2 || !first || !last || !isDecimal(first) || !isDecimal(last))
    return undefined
  const amount = difference(last, first)
  const base = Math.abs(geometry(first))
  // A rate over a base near zero, or over debts, says nothing.
  const rate = geometry(first) > 1 ? ((geometry(amount) / base) * 100).toFixed(2) : null
  return { value: { amount, currency: history.currency }, rate }
}

function Allocation({ data }: { data: Data | undefined }) {
  const why = "No balance is known yet"
  return (
    <Card id="allocation" title="What it’s made of">
      {data ? (
        <>
          <StackedBar
            parts={[
              { name: "Cash", value: data.bankBalance, hue: "var(--hue-cash)", why },
              { name: "Investments", value: data.investmentBalance, hue: "var(--hue-invest)", why },
              { name: "Crypto", value: data.cryptoValue, hue: "var(--hue-crypto)", why },
            ]}
          />
          <dl className="mt-4 space-y-3 border-t border-line pt-4">
            <Line name="You own" value={<Figure value={data.totalAssets} why={why} />} />
            <Line name="You owe" value={<Figure value={data.totalDebts} why={why} />} />
          </dl>
        </>
      ) : (
        <Loading what="the allocation">
          <Skeleton className="h-3 rounded-full" />
          <div className="mt-4 space-y-4 pb-24">
            <Skeleton className="h-4" />
            <Skeleton className="h-4" />
            <Skeleton className="h-4" />
          </div>
        </Loading>
      )}
    </Card>
  )
}

function Line({ name, value }: { name: string; value: ReactNode }) {
  return (
    <div className="flex items-center justify-between">
      <dt className="text-ink-2">{name}</dt>
      <dd className="font-medium">{value}</dd>
    </div>
  )
}

function Recent() {
  const { data, error, refetch } = useQuery(queries.recentTransactions(6))
  return (
    <Card
      id="recent"
      title="Recent activity"
      flush
      aside={
        <Link to="/transactions" className="inline-flex items-center text-sm text-ink-2 hover:text-ink">
          All
          <ChevronRight className="size-4" aria-hidden="true" />
        </Link>
      }
    >
      {error && !data ? (
        <Failed what="recent activity" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={6} what="recent activity" />
      ) : (data.transactions ?? []).length === 0 ? (
        <p className="px-5 py-6 text-ink-2">Nothing yet.</p>
      ) : (
        <ul>
          {data.transactions?.map((t) => (
            <li key={t.id} className="border-t border-line first:border-t-0">
              <Link
                to="/transactions"
                search={{ accountId: t.accountId }}
                className="row-y block px-5 transition-colors hover:bg-sunken max-sm:px-4"
              >
                <TransactionRow t={t} dated />
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}
