// What happened; clean it. A virtual list by day over keyset pages.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query"
import { useNavigate, useSearch } from "@tanstack/react-router"
import { useWindowVirtualizer } from "@tanstack/react-virtual"
import { clsx } from "clsx"
import { FileUp, Search, SearchX, X } from "lucide-react"
import { useCallback, useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react"
import * as queries from "../api/queries"
import type { Transaction, TransactionPage } from "../api/types"
import { addDays, dayHeading, startOfMonth, today } from "../format/dates"
import { label } from "../format/words"
import { isTyping } from "../shell/keys"
import { usePrefs } from "../shell/prefs"
import type { TransactionSearch } from "../shell/router"
import { Button, buttonClass } from "../ui/Button"
import { Card } from "../ui/Card"
import { Select } from "../ui/Field"
import { Figure } from "../ui/Figure"
import { PageHead } from "../ui/PageHead"
import { Empty, Failed, RowSkeletons } from "../ui/States"
import { accountTitle } from "./AccountGroups"
import { categories } from "./categories"
import { TransactionDrawer } from "./TransactionDrawer"
import { TransactionRow } from "./TransactionRow"
import { flatten, neighbour } from "./transactionList"

export default function Transactions() {
  const search = useSearch({ from: "/transactions" })
  const filters = useDeferredValue(search)
  const list = useInfiniteQuery(queries.transactions(filters))
  const rows = useMemo(() => list.data?.pages.flatMap((p) => p.transactions ?? []) ?? [], [list.data])
  const [openId, setOpenId] = useState<string>()
  const open = rows.find((t) => t.id === openId)
  const filtered = Object.values(search).some(Boolean)
  const shown = openId && !open ? undefined : open
  // A search opens so many rows for one answer, and an answer may have found nothing: people say
  // whether to look further back, instead of seven years being opened for a word mistyped.
  const dry =
    list.hasNextPage && !list.isPlaceholderData && list.data?.pages.at(-1)?.transactions.length === 0
  const further = () => void (!list.isFetchingNextPage && list.fetchNextPage())
  return (
    <>
      <PageHead title="Transactions">
        <a href="/import" className={buttonClass()}>
          <FileUp aria-hidden="true" />
          Import
        </a>
      </PageHead>
      <Filters search={search} />
      <Totals page={list.data?.pages[0]} searching={list.hasNextPage && Boolean(search.q)} />
      <Card flush className={clsx(list.isPlaceholderData && "opacity-60 transition-opacity")}>
        {list.error && !list.data ? (
          <Failed what="your transactions" error={list.error} retry={() => void list.refetch()} />
        ) : !list.data ? (
          <RowSkeletons rows={10} what="your transactions" />
        ) : rows.length === 0 ? (
          dry ? (
            <NothingYet busy={list.isFetchingNextPage} further={further} />
          ) : (
            <Nothing filtered={filtered} q={search.q} />
          )
        ) : (
          <Rows
            rows={rows}
            onOpen={setOpenId}
            more={list.hasNextPage && !dry ? further : undefined}
            openId={openId}
          />
        )}
        {dry && rows.length > 0 && !list.isFetchNextPageError && (
          <div className="flex justify-center p-3">
            <Button look="quiet" busy={list.isFetchingNextPage} onClick={further}>
              Search further back
            </Button>
          </div>
        )}
        {list.isFetchNextPageError && (
          <div className="flex justify-center p-3">
            <Button size="sm" onClick={() => void list.fetchNextPage()}>
              Couldn’t load more. Try again
            </Button>
          </div>
        )}
      </Card>
      <TransactionDrawer transaction={shown} onClose={() => setOpenId(undefined)} />
    </>
  )
}

/** The newest rows have nothing of it; there are older ones. */
function NothingYet({ busy, further }: { busy: boolean; further: () => void }) {
  return (
    <Empty
      icon={<SearchX />}
      title="Nothing found yet"
      action={
        <Button look="primary" busy={busy} onClick={further}>
          Search further back
        </Button>
      }
    >
      The newest transactions were searched. There are older ones.
    </Empty>
  )
}

function Nothing({ filtered, q }: { filtered: boolean; q?: string }) {
  const navigate = useNavigate()
  if (filtered) {
    return (
      <Empty
        icon={<SearchX />}
        title={q ? `No results for “${q}”` : "Nothing matches these filters"}
        action={
          <Button onClick={() => void navigate({ to: "/transactions", search: {} })}>
            Clear the filters
          </Button>
        }
      />
    )
  }
  return (
    <Empty
      icon={<Search />}
      title="No transactions yet"
      action={
        <>
          <a href="/connect" className={buttonClass("primary")}>
            Connect an account
          </a>
          <a href="/import" className={buttonClass()}>
            Import a file
          </a>
        </>
      }
    >
      They arrive with your first connected account or imported statement.
    </Empty>
  )
}

function Filters({ search }: { search: TransactionSearch }) {
  const navigate = useNavigate({ from: "/transactions" })
  const { data: accounts } = useQuery(queries.accounts)
  const set = useCallback(
    (change: Partial<TransactionSearch>) =>
      void navigate({ search: (old) => ({ ...old, ...change }), replace: true, resetScroll: false }),
    [navigate],
  )
  const [q, setQ] = useState(search.q ?? "")
  useEffect(() => setQ(search.q ?? ""), [search.q])
  useEffect(() => {
    if (q === (search.q ?? "")) return
    const timer = setTimeout(() => set({ q: q || undefined }), 250)
    return () => clearTimeout(timer)
  }, [q, search.q, set])
  const active = Object.values(search).some(Boolean)
  return (
    // biome-ignore lint/a11y/useSemanticElements: <search> isn't announced everywhere yet
    <div role="search" className="mb-4 flex flex-wrap gap-2">
      <div className="relative min-w-52 flex-1 basis-full md:basis-52">
        <Search
          className="pointer-events-none absolute top-1/2 left-3 size-4 -translate-y-1/2 text-ink-3"
          aria-hidden="true"
        />
        <input
          type="search"
          aria-label="Search transactions"
          placeholder="Search by name or note"
          value={q}
          onChange={(e) => setQ(e.target.value)}
          onKeyDown={(e) => {
            if (e.key === "Escape") e.currentTarget.blur()
          }}
          className="h-9 w-full rounded-md border border-line-strong bg-card pr-3 pl-9 placeholder:text-ink-3 focus:outline-2 focus:outline-offset-0 focus:outline-accent"
        />
      </div>
      <Select
        label="Account"
        hideLabel
        small
        className="min-w-32 flex-1 md:max-w-56"
        value={search.accountId ?? ""}
        onChange={(e) => set({ accountId: e.target.value || undefined })}
      >
        <option value="">All accounts</option>
        {accounts?.map((a) => (
          <option key={a.id} value={a.id}>
            {a.institutionName} · {accountTitle(a)}
          </option>
        ))}
      </Select>
      <Select
        label="Category"
        hideLabel
        small
        className="min-w-32 flex-1 md:max-w-44"
        value={search.category ?? ""}
        onChange={(e) => set({ category: e.target.value || undefined })}
      >
        <option value="">All categories</option>
        {categories.map((c) => (
          <option key={c} value={c}>
            {label(c)}
          </option>
        ))}
      </Select>
      <Select
        label="When"
        hideLabel
        small
        className="min-w-32 flex-1 md:max-w-40"
        value={spanOf(search)}
        onChange={(e) => set(span(e.target.value))}
      >
        <option value="">Any time</option>
        <option value="month">This month</option>
        <option value="30">Last 30 days</option>
        <option value="90">Last 90 days</option>
        <option value="365">Last year</option>
        {spanOf(search) === "custom" && <option value="custom">Chosen days</option>}
      </Select>
      <Select
        label="Status"
        hideLabel
        small
        className="min-w-28 flex-1 md:max-w-36"
        value={search.status ?? ""}
        onChange={(e) => set({ status: (e.target.value || undefined) as TransactionSearch["status"] })}
      >
        <option value="">Any status</option>
        <option value="pending">Pending</option>
        <option value="posted">Posted</option>
      </Select>
      {active && (
        <Button look="quiet" icon={<X />} onClick={() => void navigate({ search: {}, replace: true })}>
          Clear
        </Button>
      )}
    </div>
  )
}

/** The filter for a named span of days. */
function span(name: string): Pick<TransactionSearch, "from" | "to"> {
  if (name === "month") return { from: startOfMonth(today()), to: undefined }
  const days = Number(name)
  return days > 0 ? { from: addDays(today(), -days), to: undefined } : { from: undefined, to: undefined }
}

function spanOf(s: TransactionSearch): string {
  if (!s.from && !s.to) return ""
  if (s.from === startOfMonth(today()) && !s.to) return "month"
  return ["30", "90", "365"].find((d) => s.from === addDays(today(), -Number(d)) && !s.to) ?? "custom"
}

function Totals({ page, searching }: { page: TransactionPage | undefined; searching: boolean }) {
  const totals = page?.totals
  return (
    <dl className="mb-3 flex min-h-6 flex-wrap gap-x-6 gap-y-1 text-sm" aria-live="polite">
      {page && !totals && !searching && (page.transactions ?? []).length > 0 && (
        <div className="text-ink-3">
          <dt className="sr-only">Totals</dt>
          <dd>In several currencies. Choose an account to see totals.</dd>
        </div>
      )}
      {totals &&
        (["in", "out", "net"] as const).map((k) => (
          <div key={k} className="flex gap-2">
            <dt className="text-ink-3">{label(k)}</dt>
            <dd className="font-medium">
              <Figure value={totals[k]} colour={k === "in"} />
            </dd>
          </div>
        ))}
    </dl>
  )
}

interface RowsProps {
  rows: Transaction[]
  openId?: string
  onOpen: (id: string) => void
  more?: () => void
}

function Rows({ rows, openId, onOpen, more }: RowsProps) {
  const items = useMemo(() => flatten(rows), [rows])
  const { compact, letters } = usePrefs()
  const box = useRef<HTMLUListElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => {
    const measure = () => setTop((box.current?.getBoundingClientRect().top ?? 0) + window.scrollY)
    measure()
    window.addEventListener("resize", measure)
    return () => window.removeEventListener("resize", measure)
  }, [])
  const rowHeight = compact ? 54 : 64
  const virtual = useWindowVirtualizer({
    count: items.length,
    estimateSize: (i) => (items[i]?.kind === "day" ? 37 : rowHeight),
    getItemKey: (i) => items[i]?.key ?? i,
    overscan: 12,
    scrollMargin: top,
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: another density is another height
  useEffect(() => virtual.measure(), [rowHeight])
  const shown = virtual.getVirtualItems()
  const lastShown = shown.at(-1)?.index ?? 0
  useEffect(() => {
    if (more && lastShown >= items.length - 20) more()
  }, [more, lastShown, items.length])

  // j and k move through the rows, Enter opens (it is a button), focus comes back when the drawer closes.
  const active = useRef<string>(undefined)
  const focusRow = useCallback(
    (id: string) => {
      active.current = id
      const index = items.findIndex((i) => i.kind === "row" && i.t.id === id)
      if (index < 0) return
      virtual.scrollToIndex(index, { align: "auto" })
      const tryFocus = (tries: number) => {
        const el = document.getElementById(`t-${id}`)
        if (el) el.focus({ preventScroll: true })
        else if (tries > 0) requestAnimationFrame(() => tryFocus(tries - 1))
      }
      tryFocus(20)
    },
    [items, virtual],
  )
  useEffect(() => {
    if (!letters) return
    const onKey = (e: KeyboardEvent) => {
      if (isTyping(e.target) || e.ctrlKey || e.metaKey || e.altKey) return
      if (e.key !== "j" && e.key !== "k") return
      const next = neighbour(rows, active.current, e.key === "j" ? 1 : -1)
      if (!next) return
      e.preventDefault()
      focusRow(next)
    }
    document.addEventListener("keydown", onKey)
    return () => document.removeEventListener("keydown", onKey)
  }, [letters, rows, focusRow])
  const wasOpen = useRef(openId)
  useEffect(() => {
    if (wasOpen.current && !openId) focusRow(wasOpen.current)
    wasOpen.current = openId
  }, [openId, focusRow])

  const now = today()
  return (
    <ul
      ref={box}
      aria-label="Transactions"
      className="relative -mt-2 -mb-1 overflow-hidden rounded-[13px]"
      style={{ height: virtual.getTotalSize() }}
    >
      {shown.map((v) => {
        const item = items[v.index]
        if (!item) return null
        return (
          <li
            key={v.key}
            className="absolute inset-x-0 top-0"
            style={{ height: v.size, transform: `translateY(${v.start - virtual.options.scrollMargin}px)` }}
          >
            {item.kind === "day" ? (
              <h2 className="flex h-full items-end border-b border-line bg-paper px-5 pb-2 text-xs font-medium text-ink-2 max-sm:px-4">
                {dayHeading(item.day, now)}
              </h2>
            ) : (
              <button
                id={`t-${item.t.id}`}
                type="button"
                onFocus={() => {
                  active.current = item.t.id
                }}
                onClick={() => onOpen(item.t.id)}
                className="block h-full w-full border-b border-line px-5 transition-colors hover:bg-sunken focus-visible:-outline-offset-2 max-sm:px-4"
              >
                <TransactionRow t={item.t} />
              </button>
            )}
          </li>
        )
      })}
    </ul>
  )
}
