// The first sync, as it happens, in real counts. Leaving is fine: it goes on without us.
import { useQuery } from "@tanstack/react-query"
import { Link, useParams } from "@tanstack/react-router"
import { clsx } from "clsx"
import { Check, CircleAlert } from "lucide-react"
import type { ReactNode } from "react"
import type { SyncPhase, SyncProgress } from "../api/live"
import * as queries from "../api/queries"
import type { SyncRun } from "../api/types"
import { count } from "../format/words"
import { useSync } from "../shell/live"
import { buttonClass, Spinner } from "../ui/Button"
import { Card } from "../ui/Card"
import { Mark } from "../ui/Mark"
import { PageHead } from "../ui/PageHead"
import { Failed, Loading, Skeleton } from "../ui/States"
import { AccountLink } from "./AccountGroups"

const order: SyncPhase[] = ["accounts", "transactions", "positions", "applying", "done"]

/** The newest of what events and the stored run say; a page opened late knows only the run. */
export function latest(
  progress: SyncProgress | undefined,
  run: SyncRun | undefined,
): SyncProgress | undefined {
  if (!run) return progress
  const phase: SyncPhase = run.finishedAt
    ? run.outcome === "failed"
      ? "failed"
      : "done"
    : (order.find((p) => p === run.phase) ?? "accounts")
  const stored: SyncProgress = { connection: "", ...run, run: run.id, phase }
  if (!progress || (progress.run !== run.id && run.finishedAt)) return stored
  if (progress.run !== run.id) return progress
  return order.indexOf(progress.phase) >= order.indexOf(phase) && phase !== "failed" ? progress : stored
}

export default function FirstSync() {
  const { connectionId } = useParams({ strict: false }) as { connectionId: string }
  const { data, error, refetch } = useQuery({
    ...queries.connection(connectionId),
    // Events may be missed between the link and this page; ask now and then until it's over.
    refetchInterval: (q) => (q.state.data?.runs?.[0]?.finishedAt && !q.state.data.syncing ? false : 5000),
  })
  const { data: accounts } = useQuery(queries.accounts)
  const progress = latest(useSync(connectionId), data?.runs?.[0])
  const phase = progress?.phase ?? "accounts"
  const mine = accounts?.filter((a) => a.connectionId === connectionId) ?? []
  if (error && !data) {
    return (
      <Card>
        <Failed what="the first sync" error={error} retry={() => void refetch()} />
      </Card>
    )
  }
  const name = data?.institutionName ?? "your account"
  const at = order.indexOf(phase)
  const done = phase === "done"
  return (
    <div className="mx-auto max-w-2xl">
      <PageHead
        tab={`Connecting ${name}`}
        title={
          data ? (
            <span className="flex items-center gap-3">
              <Mark name={name} size="lg" />
              {done
                ? `${name} is connected`
                : phase === "failed"
                  ? `${name} didn’t finish`
                  : `Reading ${name}`}
            </span>
          ) : (
            <Loading what="the connection">
              <Skeleton className="h-12 w-72" />
            </Loading>
          )
        }
      />
      <Card>
        <ol className="space-y-5" aria-label="First sync" data-phase={phase}>
          <StepLine state={stateOf(0, at, phase)} title="Accounts">
            {progress && progress.accounts > 0
              ? count(progress.accounts, "account")
              : "Asking which there are"}
          </StepLine>
          <StepLine state={stateOf(1, at, phase)} title="Transactions">
            {progress && progress.fetched > 0 ? (
              <>
                <strong className="font-semibold text-ink">{progress.fetched.toLocaleString()}</strong> read
              </>
            ) : at > 1 ? (
              "None yet"
            ) : (
              "Waiting"
            )}
          </StepLine>
          {data?.kind !== "bank" && (
            <StepLine state={stateOf(2, at, phase)} title="Holdings">
              {progress && progress.positions > 0
                ? count(progress.positions, "holding")
                : at > 2
                  ? "None"
                  : "Waiting"}
            </StepLine>
          )}
          <StepLine state={stateOf(3, at, phase)} title="Putting it together">
            {done
              ? progress && progress.added > 0
                ? `${count(progress.added, "transaction")} in place`
                : "Everything is in place"
              : "Balances, history and your net worth"}
          </StepLine>
        </ol>
        {phase === "failed" && (
          <p role="alert" className="mt-5 rounded-md bg-warn-soft px-3 py-2.5">
            {data?.runs?.[0]?.message || "The provider stopped answering."} We’ll try again by ourselves; you
            don’t need to do anything.
          </p>
        )}
        <div className="mt-6 border-t border-line pt-5">
          {done ? (
            <div className="flex flex-wrap gap-2">
              <Link to="/" className={buttonClass("primary")}>
                See my dashboard
              </Link>
              <a href="/connect" className={buttonClass()}>
                Add another
              </a>
            </div>
          ) : (
            <div className="flex flex-wrap items-center justify-between gap-3">
              <p className="text-ink-2">You don’t have to wait: we’ll go on without you.</p>
              <Link to="/" className={buttonClass()}>
                Go to the dashboard
              </Link>
            </div>
          )}
        </div>
      </Card>
      {mine.length > 0 && (
        <Card id="found" title="Found" flush className="mt-5">
          <ul>
            {mine.map((a) => (
              <li key={a.id} className="border-t border-line first:border-t-0">
                <AccountLink account={a} />
              </li>
            ))}
          </ul>
        </Card>
      )}
    </div>
  )
}

type State = "done" | "now" | "later" | "failed"

function stateOf(step: number, at: number, phase: SyncPhase): State {
  if (phase === "failed") return step === 0 ? "failed" : "later"
  if (at > step) return "done"
  return at === step ? "now" : "later"
}

function StepLine({ state, title, children }: { state: State; title: string; children: ReactNode }) {
  return (
    <li className="flex gap-4" aria-current={state === "now" ? "step" : undefined}>
      <span
        aria-hidden="true"
        className={clsx(
          "inline-flex size-7 shrink-0 items-center justify-center rounded-full [&_svg]:size-4",
          state === "done" && "bg-up-soft text-up",
          state === "now" && "bg-accent-soft text-accent",
          state === "later" && "border border-line",
          state === "failed" && "bg-warn-soft text-warn",
        )}
      >
        {state === "done" && <Check strokeWidth={2.5} />}
        {state === "now" && <Spinner />}
        {state === "failed" && <CircleAlert />}
      </span>
      <div className="-mt-0.5">
        <p className={clsx("font-medium", state === "later" && "text-ink-3")}>{title}</p>
        <p className="text-sm text-ink-2">{children}</p>
      </div>
    </li>
  )
}
