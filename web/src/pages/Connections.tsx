// Where the figures come from, and how fresh they are.
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { ChevronRight, Plug, Plus } from "lucide-react"
import * as queries from "../api/queries"
import type { Connection } from "../api/types"
import { ago, when } from "../format/dates"
import { connectionState, count, via } from "../format/words"
import { useSync } from "../shell/live"
import { buttonClass } from "../ui/Button"
import { Card } from "../ui/Card"
import { Mark } from "../ui/Mark"
import { PageHead } from "../ui/PageHead"
import { Pill } from "../ui/Pill"
import { Empty, Failed, RowSkeletons } from "../ui/States"
import { progressWords } from "./syncWords"

export default function Connections() {
  const { data, error, refetch } = useQuery(queries.connections)
  const list = data?.connections ?? []
  const full = data && data.limit !== null && data.used >= data.limit
  return (
    <>
      <PageHead
        title="Connections"
        lead={
          data
            ? data.limit !== null
              ? `${data.used} of ${data.limit} on your plan`
              : count(data.used, "connection")
            : "\u00a0"
        }
      >
        {!full && (
          <a href="/connect" className={buttonClass("primary")}>
            <Plus aria-hidden="true" />
            Add connection
          </a>
        )}
      </PageHead>
      {full && (
        <p className="mb-5 rounded-xl bg-warn-soft px-4 py-3">
          Your plan allows {count(data.limit ?? 0, "connection")}, and all are in use. Disconnect one to make
          room.
        </p>
      )}
      <Card flush>
        {error && !data ? (
          <Failed what="your connections" error={error} retry={() => void refetch()} />
        ) : !data ? (
          <RowSkeletons rows={4} what="your connections" />
        ) : list.length === 0 ? (
          <Empty
            icon={<Plug />}
            title="Nothing is connected yet"
            action={
              <a href="/connect" className={buttonClass("primary")}>
                Connect an account
              </a>
            }
          >
            Connect a bank, brokerage or exchange, and its figures stay up to date by themselves.
          </Empty>
        ) : (
          <ul>
            {list.map((c) => (
              <li key={c.id} className="border-t border-line first:border-t-0">
                <Row connection={c} />
              </li>
            ))}
          </ul>
        )}
      </Card>
    </>
  )
}

function Row({ connection: c }: { connection: Connection }) {
  const state = connectionState(c)
  const progress = useSync(c.id)
  return (
    <Link
      to="/connections/$connectionId"
      params={{ connectionId: c.id }}
      className="row-y flex items-center gap-3 px-5 transition-colors hover:bg-sunken max-sm:px-4"
    >
      <Mark name={c.institutionName} />
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium">{c.institutionName}</span>
        <span className="block truncate text-sm text-ink-3">
          {c.syncing ? progressWords(progress) : freshness(c)}
        </span>
      </span>
      <Pill tone={state.tone} dot>
        {state.word}
      </Pill>
      <ChevronRight className="size-4 shrink-0 text-ink-3 max-sm:hidden" aria-hidden="true" />
    </Link>
  )
}

/** "2 accounts · updated 4 minutes ago via Teller · next ~18:00" */
export function freshness(c: Connection): string {
  const parts = [count(c.accounts, "account")]
  parts.push(
    c.lastSyncedAt ? `updated ${ago(c.lastSyncedAt)} via ${via(c.provider)}` : `via ${via(c.provider)}`,
  )
  if (c.nextSyncAt && c.action !== "reconnect") parts.push(`next ~${when(c.nextSyncAt)}`)
  return parts.join(" · ")
}
