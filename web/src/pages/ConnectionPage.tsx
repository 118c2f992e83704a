// One connection: is it well, what did each update do, and how to mend or end it.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { Link, useNavigate, useParams } from "@tanstack/react-router"
import { clsx } from "clsx"
import { Check, ChevronLeft, CircleAlert, Plug, RotateCw, Unplug, X } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../api/client"
import * as queries from "../api/queries"
import type { ConnectionDetail, SyncRun } from "../api/types"
import { ago, lasted, when } from "../format/dates"
import { connectionState, count, runSummary, runTrigger, via } from "../format/words"
import { useSync } from "../shell/live"
import { Button, buttonClass, Spinner } from "../ui/Button"
import { Card } from "../ui/Card"
import { Field } from "../ui/Detail"
import { Mark } from "../ui/Mark"
import { Confirm } from "../ui/Overlay"
import { PageHead } from "../ui/PageHead"
import { Pill } from "../ui/Pill"
import { Failed, Loading, Skeleton } from "../ui/States"
import { useSay } from "../ui/Toasts"
import { AccountLink } from "./AccountGroups"
import { reconnectLink } from "./Attention"
import { progressWords } from "./syncWords"

export default function ConnectionPage() {
  const { connectionId } = useParams({ strict: false }) as { connectionId: string }
  const { data, error, refetch } = useQuery(queries.connection(connectionId))
  return (
    <>
      <Link
        to="/connections"
        className="mb-3 inline-flex items-center gap-1 text-sm text-ink-2 hover:text-ink"
      >
        <ChevronLeft className="size-4" aria-hidden="true" />
        Connections
      </Link>
      {error && !data ? (
        <Card>
          <Failed what="this connection" error={error} retry={() => void refetch()} />
        </Card>
      ) : data ? (
        <Loaded c={data} />
      ) : (
        <Loading what="the connection">
          <Skeleton className="h-12 w-72" />
          <Skeleton className="mt-8 h-80 rounded-xl" />
        </Loading>
      )}
    </>
  )
}

function Loaded({ c }: { c: ConnectionDetail }) {
  const state = connectionState(c)
  const { data: accounts } = useQuery(queries.accounts)
  const mine = accounts?.filter((a) => a.connectionId === c.id) ?? []
  return (
    <>
      <PageHead
        tab={c.institutionName}
        title={
          <span className="flex flex-wrap items-center gap-3">
            <Mark name={c.institutionName} size="lg" />
            {c.institutionName}
            <Pill tone={state.tone} dot>
              {state.word}
            </Pill>
          </span>
        }
      >
        {c.action === "reconnect" ? (
          <a href={reconnectLink(c)} className={buttonClass("primary")}>
            <Plug aria-hidden="true" />
            Reconnect
          </a>
        ) : (
          <Refresh c={c} />
        )}
        <Disconnect c={c} />
      </PageHead>
      {c.message && (
        <p
          className={clsx(
            "mb-5 flex items-center gap-3 rounded-xl px-4 py-3",
            c.action === "reconnect" ? "bg-down-soft" : "bg-warn-soft",
          )}
        >
          <CircleAlert
            className={clsx("size-[18px] shrink-0", c.action === "reconnect" ? "text-down" : "text-warn")}
            aria-hidden="true"
          />
          {c.message}
        </p>
      )}
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 lg:grid-cols-[minmax(0,1.9fr)_minmax(0,1fr)]">
        <div className="space-y-5">
          <Card id="accounts" title="Accounts" flush>
            {mine.length === 0 ? (
              <p className="px-5 pt-1 pb-4 text-ink-2">None yet.</p>
            ) : (
              <ul>
                {mine.map((a) => (
                  <li key={a.id} className="border-t border-line first:border-t-0">
                    <AccountLink account={a} />
                  </li>
                ))}
              </ul>
            )}
          </Card>
          <Timeline c={c} />
        </div>
        <Card id="about" title="About this connection">
          <dl className="space-y-3">
            <Field name="Updated">{ago(c.lastSyncedAt)}</Field>
            {c.nextSyncAt && c.action !== "reconnect" && (
              <Field name="Next update">~{when(c.nextSyncAt)}</Field>
            )}
            <Field name="Through">{via(c.provider)}</Field>
            <Field name="Permission">{c.access === "trade" ? "Reading and trading" : "Reading only"}</Field>
            <Field name="Connected">{ago(c.createdAt)}</Field>
          </dl>
          <p className="mt-4 border-t border-line pt-4 text-sm text-ink-3">
            We never see your password. {via(c.provider)} hands us a key that can
            {c.access === "trade" ? " read and trade" : " only read"}; we keep it encrypted and you can take
            it back at any time.
          </p>
        </Card>
      </div>
    </>
  )
}

function Refresh({ c }: { c: ConnectionDetail }) {
  const client = useQueryClient()
  const say = useSay()
  const refresh = useMutation({
    mutationFn: () => ask(api.POST("/api/connections/{id}/refresh", { params: { path: { id: c.id } } })),
    onSuccess: (a) => {
      if (a.message) say(a.message)
      void client.invalidateQueries({ queryKey: ["connections"] })
    },
    onError: (e) => say(e.message, { bad: true }),
  })
  return (
    <Button
      writes
      icon={<RotateCw />}
      busy={refresh.isPending || c.syncing}
      onClick={() => refresh.mutate()}
      title={c.syncing ? "It’s being updated now" : undefined}
    >
      {c.syncing ? "Updating" : "Update now"}
    </Button>
  )
}

function Disconnect({ c }: { c: ConnectionDetail }) {
  const [open, setOpen] = useState(false)
  const client = useQueryClient()
  const navigate = useNavigate()
  const say = useSay()
  const end = useMutation({
    mutationFn: (history: "keep" | "delete") =>
      ask(api.DELETE("/api/connections/{id}", { params: { path: { id: c.id }, query: { history } } })),
    onSuccess: async (_, history) => {
      setOpen(false)
      say(
        `${c.institutionName} is disconnected. ${history === "keep" ? "Its history stays." : "Its history is gone."}`,
      )
      await navigate({ to: "/connections" })
      void client.invalidateQueries()
    },
    onError: (e) => say(e.message, { bad: true }),
  })
  return (
    <>
      <Button look="danger" writes icon={<Unplug />} onClick={() => setOpen(true)}>
        Disconnect
      </Button>
      <Confirm
        open={open}
        onClose={() => setOpen(false)}
        title={`Disconnect ${c.institutionName}?`}
        actions={
          <>
            <Button
              look="danger"
              busy={end.isPending && end.variables === "delete"}
              onClick={() => end.mutate("delete")}
            >
              Delete the history too
            </Button>
            <Button
              look="primary"
              busy={end.isPending && end.variables === "keep"}
              onClick={() => end.mutate("keep")}
            >
              Keep the history
            </Button>
          </>
        }
      >
        <p>
          We give the key back to {via(c.provider)} and stop updating {count(c.accounts, "account")}. You can
          keep what we have so far, with its dates, or delete it: that can’t be undone.
        </p>
      </Confirm>
    </>
  )
}

// One update; a line leads down to the next.
const step =
  "relative flex gap-4 not-last:pb-5 not-last:before:absolute not-last:before:top-7 not-last:before:bottom-0 not-last:before:left-[11px] not-last:before:w-px not-last:before:bg-line"

function Timeline({ c }: { c: ConnectionDetail }) {
  const progress = useSync(c.id)
  const runs = c.runs ?? []
  return (
    <Card id="runs" title="Updates">
      {runs.length === 0 && !c.syncing ? (
        <p className="text-ink-2">The first update hasn’t run yet.</p>
      ) : (
        <ol>
          {c.syncing && !runs.some((r) => !r.finishedAt) && (
            <li className={step}>
              <Dot outcome={null} />
              <p className="min-w-0 flex-1">
                <span className="block font-medium">Now</span>
                <span className="block text-sm text-ink-2">{progressWords(progress)}</span>
              </p>
            </li>
          )}
          {runs.map((r) => (
            <li key={r.id} className={step}>
              <Dot outcome={r.finishedAt ? r.outcome : null} />
              <div className="min-w-0 flex-1">
                <p className="flex flex-wrap justify-between gap-x-4">
                  <span className="font-medium">{runTrigger(r)}</span>
                  <span className="text-sm text-ink-3">
                    {ago(r.startedAt)}
                    {r.finishedAt && ` · took ${lasted(r.startedAt, r.finishedAt)}`}
                  </span>
                </p>
                <p className="text-sm text-ink-2">
                  {outcomeWords(r, r.finishedAt ? undefined : progressWords(progress))}
                </p>
              </div>
            </li>
          ))}
        </ol>
      )}
    </Card>
  )
}

function outcomeWords(r: SyncRun, running: string | undefined): string {
  if (running) return running
  if (r.outcome === "failed") return r.message || "It didn’t finish. We tried again later."
  if (r.outcome === "superseded") return "A newer update took over."
  return runSummary(r)
}

function Dot({ outcome }: { outcome: SyncRun["outcome"] }) {
  return (
    <span
      aria-hidden="true"
      className={clsx(
        "z-10 mt-px inline-flex size-[23px] shrink-0 items-center justify-center rounded-full [&_svg]:size-3.5",
        outcome === "succeeded" && "bg-up-soft text-up",
        outcome === "failed" && "bg-down-soft text-down",
        outcome !== "succeeded" && outcome !== "failed" && "bg-accent-soft text-accent",
      )}
    >
      {outcome === "succeeded" ? (
        <Check strokeWidth={3} />
      ) : outcome === "failed" ? (
        <X strokeWidth={3} />
      ) : (
        <Spinner />
      )}
    </span>
  )
}
