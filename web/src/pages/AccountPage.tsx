// One account: its balance and history, what is in it, where it comes from.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { Link, useParams } from "@tanstack/react-router"
import { ChevronLeft, EyeOff, Pencil } from "lucide-react"
import { type FormEvent, useState } from "react"
import { api, ask } from "../api/client"
import * as queries from "../api/queries"
import type { AccountDetail } from "../api/types"
import { AreaSeries } from "../charts/AreaSeries"
import { ago } from "../format/dates"
import { accountType, label, via } from "../format/words"
import { Button, buttonClass } from "../ui/Button"
import { Card } from "../ui/Card"
import { Field } from "../ui/Detail"
import { Input } from "../ui/Field"
import { Figure, Headline } from "../ui/Figure"
import { Mark } from "../ui/Mark"
import { Modal } from "../ui/Overlay"
import { PageHead } from "../ui/PageHead"
import { Failed, Loading, RowSkeletons, Skeleton } from "../ui/States"
import { useSay } from "../ui/Toasts"
import { accountTitle, doubt } from "./AccountGroups"
import { Holdings } from "./Holdings"
import { TransactionRow } from "./TransactionRow"

export default function AccountPage() {
  const { accountId } = useParams({ strict: false }) as { accountId: string }
  const { data, error, refetch } = useQuery(queries.account(accountId))
  return (
    <>
      <Link to="/accounts" className="mb-3 inline-flex items-center gap-1 text-sm text-ink-2 hover:text-ink">
        <ChevronLeft className="size-4" aria-hidden="true" />
        Accounts
      </Link>
      {error && !data ? (
        <Card>
          <Failed what="this account" error={error} retry={() => void refetch()} />
        </Card>
      ) : data ? (
        <Loaded account={data} />
      ) : (
        <Loading what="the account">
          <Skeleton className="h-9 w-72" />
          <Skeleton className="mt-8 h-96 rounded-xl" />
        </Loading>
      )}
    </>
  )
}

function Loaded({ account: a }: { account: AccountDetail }) {
  const holds = a.type === "investment" || a.type === "crypto"
  const why = doubt(a)
  return (
    <>
      <PageHead
        tab={accountTitle(a)}
        title={
          <span className="flex items-center gap-3">
            <Mark name={a.institutionName || a.name} size="lg" />
            <span className="min-w-0">
              <span className="block text-balance break-words">{accountTitle(a)}</span>
              <span className="block text-base font-normal tracking-normal text-ink-2">
                {a.institutionName} · {label(a.subtype) || accountType(a.type)}
                {a.mask && ` ··${a.mask}`}
              </span>
            </span>
          </span>
        }
      >
        <Rename account={a} />
        <Hide account={a} />
      </PageHead>
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 lg:grid-cols-[minmax(0,1.9fr)_minmax(0,1fr)]">
        <div className="space-y-5">
          <section className="card px-5 pt-5 pb-3 max-sm:px-4" aria-label="Balance">
            <h2 className="text-sm font-medium text-ink-2">Balance</h2>
            <Headline value={a.balance} why="The provider hasn’t said yet" uncertain={why} />
            <p className="h-5 text-sm text-ink-3">
              {a.balance && a.balanceInBase && a.balanceInBase.currency !== a.currency && (
                <>
                  ≈ <Figure value={a.balanceInBase} />
                </>
              )}
            </p>
            <div className="mt-4">
              {(a.history ?? []).length > 1 ? (
                <AreaSeries
                  label="Balance"
                  currency={a.currency}
                  series={a.history.map((h) => ({ day: h.day, value: h.balance, quality: h.quality }))}
                />
              ) : (
                <p className="mb-3 flex h-40 items-center justify-center rounded-lg bg-sunken px-6 text-center text-ink-2">
                  The history of this balance begins when we have seen it on two days.
                </p>
              )}
            </div>
          </section>
          {holds && <Holdings account={a} />}
          <Activity account={a} />
        </div>
        <About account={a} />
      </div>
    </>
  )
}

function About({ account: a }: { account: AccountDetail }) {
  return (
    <Card id="about" title="About this account">
      <dl className="space-y-3">
        <Field name="Updated">
          {a.asOf ? ago(a.asOf) : "not yet"}
          {a.connectionId && ` via ${via(a.provider)}`}
        </Field>
        {a.available && (
          <Field name="Available">
            <Figure value={a.available} />
          </Field>
        )}
        {a.creditLimit && (
          <Field name="Credit limit">
            <Figure value={a.creditLimit} />
          </Field>
        )}
        <Field name="Currency">{a.currency}</Field>
        {a.nickname && <Field name="Provider’s name">{a.name}</Field>}
        <Field name="Source">
          {a.connectionId ? (
            <Link
              to="/connections/$connectionId"
              params={{ connectionId: a.connectionId }}
              className="prose-link"
            >
              {a.institutionName}
            </Link>
          ) : (
            "By hand or imported"
          )}
        </Field>
      </dl>
      {a.needsReconnection && a.connectionId && (
        <Link
          to="/connections/$connectionId"
          params={{ connectionId: a.connectionId }}
          className={buttonClass("primary", "md", "mt-4 w-full")}
        >
          Fix the connection
        </Link>
      )}
    </Card>
  )
}

function Activity({ account: a }: { account: AccountDetail }) {
  const { data, error, refetch } = useQuery(queries.recentTransactions(10, { accountId: a.id }))
  return (
    <Card
      id="activity"
      title="Transactions"
      flush
      aside={
        <Link to="/transactions" search={{ accountId: a.id }} className="text-sm text-ink-2 hover:text-ink">
          All
        </Link>
      }
    >
      {error && !data ? (
        <Failed what="the transactions" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={5} what="transactions" />
      ) : (data.transactions ?? []).length === 0 ? (
        <p className="px-5 pt-2 pb-5 text-ink-2">No transactions here yet.</p>
      ) : (
        <ul>
          {data.transactions?.map((t) => (
            <li key={t.id} className="row-y border-t border-line px-5 first:border-t-0 max-sm:px-4">
              <TransactionRow t={t} dated />
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function useChange(account: AccountDetail) {
  const client = useQueryClient()
  const say = useSay()
  return useMutation({
    mutationFn: (body: { nickname?: string; hidden?: boolean }) =>
      ask(api.PATCH("/api/accounts/{id}", { params: { path: { id: account.id } }, body })),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["accounts"] })
      void client.invalidateQueries({ queryKey: ["dashboard"] })
    },
    onError: (e) => say(e.message, { bad: true }),
  })
}

function Rename({ account }: { account: AccountDetail }) {
  const [open, setOpen] = useState(false)
  const [name, setName] = useState("")
  const change = useChange(account)
  const submit = (e: FormEvent) => {
    e.preventDefault()
    change.mutate({ nickname: name.trim() }, { onSuccess: () => setOpen(false) })
  }
  return (
    <>
      <Button
        writes
        icon={<Pencil />}
        onClick={() => {
          setName(accountTitle(account))
          setOpen(true)
        }}
      >
        Rename
      </Button>
      <Modal open={open} onClose={() => setOpen(false)} title="Rename this account">
        <form onSubmit={submit}>
          <Input
            label="Name"
            value={name}
            maxLength={80}
            onChange={(e) => setName(e.target.value)}
            hint={`Leave it empty to use the provider’s name, “${account.name}”.`}
          />
          <div className="mt-5 flex justify-end gap-2">
            <Button look="quiet" onClick={() => setOpen(false)}>
              Cancel
            </Button>
            <Button look="primary" type="submit" writes busy={change.isPending}>
              Save
            </Button>
          </div>
        </form>
      </Modal>
    </>
  )
}

function Hide({ account }: { account: AccountDetail }) {
  const change = useChange(account)
  const say = useSay()
  const set = (hidden: boolean) =>
    change.mutate(
      { hidden },
      {
        onSuccess: () => {
          if (hidden) say("Hidden. It no longer counts towards your net worth.", { undo: () => set(false) })
          else say("It’s back.")
        },
      },
    )
  return (
    <Button writes icon={<EyeOff />} busy={change.isPending} onClick={() => set(!account.hidden)}>
      {account.hidden ? "Show again" : "Hide"}
    </Button>
  )
}
