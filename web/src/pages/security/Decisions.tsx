// Why Flint asked for more, or refused: what looked unlike the owner, in the words of each signal.
import { useInfiniteQuery } from "@tanstack/react-query"
import { ShieldCheck } from "lucide-react"
import type { RiskDecision } from "../../api/types"
import { when } from "../../format/dates"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Pill } from "../../ui/Pill"
import { Empty, Failed, RowSkeletons } from "../../ui/States"
import { by, outcomes } from "./outcomes"
import * as queries from "./queries"
import { Row } from "./Row"

export function Decisions() {
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(
    queries.decisions,
  )
  // Most sign-ins are let in as they are, and stand in the log.
  const list = (data?.pages.flatMap((p) => p.decisions) ?? []).filter((d) => d.outcome !== "allow")
  return (
    <Card id="decisions" title="Why we asked" flush>
      {error && !data ? (
        <Failed what="why we asked" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={2} what="why we asked" />
      ) : list.length === 0 && !hasNextPage ? (
        <Empty icon={<ShieldCheck />} title="Nothing stood out">
          When a sign-in looks unlike you, we ask for more. What made us ask is said here.
        </Empty>
      ) : (
        <>
          {list.length === 0 ? (
            <p className="px-5 py-4 text-ink-2 max-sm:px-4">Nothing stood out among the latest sign-ins.</p>
          ) : (
            <ul aria-label="Why we asked">
              {list.map((d) => (
                <One key={d.id} decision={d} />
              ))}
            </ul>
          )}
          {hasNextPage && (
            <div className="flex justify-center border-t border-line p-3">
              <Button look="quiet" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                Show earlier
              </Button>
            </div>
          )}
        </>
      )}
    </Card>
  )
}

function One({ decision: d }: { decision: RiskDecision }) {
  const { text, icon } = outcomes[d.outcome]
  return (
    <Row
      icon={icon}
      title={
        <>
          {text}
          {d.outcome !== "block" && !d.begun && <Pill tone="warn">nobody got in</Pill>}
        </>
      }
    >
      {d.reasons.length > 0 && (
        <ul className="text-ink-2">
          {d.reasons.map((r) => (
            <li key={r.signal}>{r.says}</li>
          ))}
        </ul>
      )}
      <time dateTime={d.at}>{when(d.at)}</time>
      {[by[d.action], d.device, d.place?.name, d.address].filter(Boolean).map((t) => ` · ${t}`)}
    </Row>
  )
}
