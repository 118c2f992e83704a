// What needs the person: broken connections first, each with one sentence and one button.
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { clsx } from "clsx"
import { CircleAlert, Clock, LoaderCircle } from "lucide-react"
import type { ReactNode } from "react"
import * as queries from "../api/queries"
import type { Connection } from "../api/types"
import { ago } from "../format/dates"
import { missingWords } from "../format/words"
import { useSync } from "../shell/live"
import { buttonClass } from "../ui/Button"
import { progressWords } from "./syncWords"

/** Where a connection is repaired: the connect page, with its provider chosen and the connection named. */
export function reconnectLink(c: Pick<Connection, "id" | "kind">): string {
  return `/connect?goal=${c.kind}&reconnect=${c.id}`
}

export function Attention() {
  const { data } = useQuery(queries.connections)
  const { data: board } = useQuery(queries.dashboard)
  const list = data?.connections ?? []
  const broken = list.filter((c) => c.action === "reconnect")
  const delayed = list.filter(
    (c) => c.action !== "reconnect" && (c.status === "degraded" || c.status === "quarantined"),
  )
  const running = list.filter((c) => c.syncing)
  const missing = board && !board.complete ? board.missing : []
  if (broken.length + delayed.length + running.length + missing.length === 0) return null
  return (
    <div className="space-y-2">
      {broken.map((c) => (
        <Notice
          key={c.id}
          tone="bad"
          action={
            <a href={reconnectLink(c)} className={buttonClass("primary", "sm")}>
              Reconnect
            </a>
          }
        >
          {c.message || `${c.institutionName} needs you to sign in again.`}{" "}
          {c.lastSyncedAt && (
            <span className="opacity-85">Last updated {ago(c.lastSyncedAt)}; totals may be behind.</span>
          )}
        </Notice>
      ))}
      {delayed.map((c) => (
        <Notice
          key={c.id}
          tone="warn"
          action={
            <Link
              to="/connections/$connectionId"
              params={{ connectionId: c.id }}
              className={buttonClass("secondary", "sm")}
            >
              Details
            </Link>
          }
        >
          {c.message || `${c.institutionName} is slow to answer. We keep trying.`}
        </Notice>
      ))}
      {missing.length > 0 && (
        <Notice tone="warn">
          <strong className="font-semibold">Some figures are missing from the total.</strong>{" "}
          {missing.map(missingWords).join(" ")}
        </Notice>
      )}
      {running.map((c) => (
        <Running key={c.id} connection={c} />
      ))}
    </div>
  )
}

function Running({ connection: c }: { connection: Connection }) {
  const progress = useSync(c.id)
  return (
    <Notice tone="busy">
      <strong className="font-semibold">{c.institutionName}</strong>: {progressWords(progress)}
    </Notice>
  )
}

function Notice({
  tone,
  action,
  children,
}: {
  tone: "bad" | "warn" | "busy"
  action?: ReactNode
  children: ReactNode
}) {
  const Icon = tone === "bad" ? CircleAlert : tone === "warn" ? Clock : LoaderCircle
  return (
    <div
      className={clsx(
        "flex flex-wrap items-center gap-x-3 gap-y-2 rounded-xl px-4 py-3",
        tone === "bad" && "bg-down-soft text-down",
        tone === "warn" && "bg-warn-soft text-warn",
        tone === "busy" && "bg-accent-soft text-accent",
      )}
    >
      <Icon className={clsx("size-[18px] shrink-0", tone === "busy" && "animate-spin")} aria-hidden="true" />
      <p className="min-w-0 flex-1 basis-60 text-ink">{children}</p>
      {action}
    </div>
  )
}
