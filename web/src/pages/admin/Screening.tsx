// The queue of names that are like one on a list: somebody looks, and says whether it's them.
import { useInfiniteQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { ScanSearch, UserCheck } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import type { Screening as Match } from "../../api/types"
import { when } from "../../format/dates"
import { label } from "../../format/words"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Pill } from "../../ui/Pill"
import { Segmented } from "../../ui/Segmented"
import { Empty, RowSkeletons } from "../../ui/States"
import { Row } from "../security/Row"
import { useGuard } from "../security/StepUp"
import * as queries from "./queries"
import { NotRead, Staff } from "./Staff"
import { WithReason } from "./WithReason"

export default function Screening() {
  return (
    <Staff
      title="Screening"
      lead="Names that are like one on a list. Nobody is told that they stand here, and nobody may be."
    >
      <Queue />
    </Staff>
  )
}

type Verdict = { match: Match; verdict: "clear" | "confirm" }

function Queue() {
  const guard = useGuard()
  const [state, setState] = useState<"open" | "all">("open")
  const [deciding, setDeciding] = useState<Verdict>()
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(
    queries.screenings(guard, state),
  )
  const changed = queries.useChanged("screenings")
  const list = data?.pages.flatMap((p) => p.screenings) ?? []
  return (
    <Card
      id="queue"
      title="To be looked at"
      flush
      className="max-w-4xl"
      aside={
        <Segmented
          label="Show"
          value={state}
          onChange={setState}
          options={[
            { value: "open", text: "Open" },
            { value: "all", text: "All" },
          ]}
        />
      }
    >
      {error && !data ? (
        <NotRead what="the queue" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={4} what="the queue" />
      ) : list.length === 0 ? (
        <Empty
          icon={<UserCheck />}
          title={state === "open" ? "Nothing to look at" : "No name was like one on a list"}
        >
          Whoever registers is compared with the lists, and everybody again when a list changes.
        </Empty>
      ) : (
        <>
          <ul aria-label="Screenings">
            {list.map((m) => (
              <One key={m.id} match={m} decide={(verdict) => setDeciding({ match: m, verdict })} />
            ))}
          </ul>
          {hasNextPage && (
            <div className="flex justify-center border-t border-line p-3">
              <Button look="quiet" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                Show more
              </Button>
            </div>
          )}
        </>
      )}
      <Decide deciding={deciding} onClose={() => setDeciding(undefined)} onDone={changed} />
    </Card>
  )
}

function State({ match: m }: { match: Match }) {
  if (m.state === "open") return <Pill tone="warn">open</Pill>
  return m.state === "cleared" ? <Pill tone="good">not them</Pill> : <Pill tone="bad">confirmed</Pill>
}

function One({ match: m, decide }: { match: Match; decide: (verdict: Verdict["verdict"]) => void }) {
  return (
    <Row
      icon={<ScanSearch />}
      title={
        <>
          <span>
            {m.name} <span className="font-normal text-ink-3">is like</span> {m.entry}
          </span>
          <State match={m} />
        </>
      }
      action={
        <>
          {m.state !== "cleared" && (
            <Button
              size="sm"
              writes
              onClick={() => decide("clear")}
              aria-label={`${m.name} isn’t ${m.entry}`}
            >
              Not them
            </Button>
          )}
          {m.state !== "confirmed" && (
            <Button
              size="sm"
              writes
              look="danger"
              onClick={() => decide("confirm")}
              aria-label={`${m.name} is ${m.entry}`}
            >
              It’s them
            </Button>
          )}
        </>
      }
    >
      <p>
        {m.list} · {score(m.score)} alike · {label(m.occasion)} · {when(m.createdAt)} ·{" "}
        <Link
          to="/admin/people/$userId"
          params={{ userId: m.userId }}
          preload={false}
          className="prose-link break-all"
        >
          {m.email}
        </Link>
      </p>
      <p>
        {[
          m.entryName !== m.entry && `on the list as ${m.entryName}`,
          m.born && `born ${m.born}`,
          m.countries.join(", "),
          m.entryId && `entry ${m.entryId}`,
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
      {m.decidedAt && (
        <p className="text-ink-2">
          {m.note} ({[m.decidedBy, when(m.decidedAt)].filter(Boolean).join(", ")})
        </p>
      )}
    </Row>
  )
}

/** 0.93 → "93 %" */
export function score(n: number): string {
  return `${Math.round(n * 100)} %`
}

function Decide({
  deciding,
  onClose,
  onDone,
}: {
  deciding: Verdict | undefined
  onClose: () => void
  onDone: () => void
}) {
  const clear = deciding?.verdict === "clear"
  const m = deciding?.match
  return (
    <WithReason
      open={deciding !== undefined}
      onClose={onClose}
      title={clear ? `${m?.name} isn’t ${m?.entry}?` : `${m?.name} is ${m?.entry}?`}
      label={clear ? "It isn’t them" : "It is them"}
      danger={!clear}
      name="note"
      act={async ({ note = "" }) => {
        if (!deciding) return ""
        await ask(
          api.POST("/api/admin/screenings/{id}/decide", {
            params: { path: { id: deciding.match.id } },
            body: { verdict: deciding.verdict, note },
          }),
        )
        onDone()
        return clear ? "Cleared." : "Confirmed. The account is held."
      }}
    >
      {clear
        ? "This isn’t asked again unless the list’s entry or the person’s name changes."
        : "Their account is held: they read everything as before, but no order and no transfer goes through. They aren’t told."}
    </WithReason>
  )
}
