// How somebody's sign-ins were judged, from what, with the weight of each reason; and who it was,
// once staff have found out.
import { useInfiniteQuery } from "@tanstack/react-query"
import { ShieldCheck } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import type { JudgedSignIn } from "../../api/types"
import { when } from "../../format/dates"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Field } from "../../ui/Detail"
import { Pill } from "../../ui/Pill"
import { Empty, RowSkeletons } from "../../ui/States"
import { by, outcomes } from "../security/outcomes"
import { Row } from "../security/Row"
import { useGuard } from "../security/StepUp"
import { counted } from "./counted"
import * as queries from "./queries"
import { NotRead } from "./Staff"
import { WithReason } from "./WithReason"

type Finding = { decision: JudgedSignIn; verdict: "owner" | "thief" }

export function Judged({ user }: { user: string }) {
  const guard = useGuard()
  const [finding, setFinding] = useState<Finding>()
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(
    queries.judged(guard, user),
  )
  const list = data?.pages.flatMap((p) => p.decisions) ?? []
  return (
    <Card id="judged" title="How sign-ins were judged" flush>
      {error && !data ? (
        <NotRead what="how sign-ins were judged" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={3} what="how sign-ins were judged" />
      ) : list.length === 0 ? (
        <Empty icon={<ShieldCheck />} title="No sign-ins">
          Decisions of the last 90 days stand here.
        </Empty>
      ) : (
        <>
          <ul aria-label="How sign-ins were judged">
            {list.map((d) => (
              <One key={d.id} decision={d} find={(verdict) => setFinding({ decision: d, verdict })} />
            ))}
          </ul>
          {hasNextPage && (
            <div className="flex justify-center border-t border-line p-3">
              <Button look="quiet" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                Show earlier
              </Button>
            </div>
          )}
        </>
      )}
      <Review user={user} finding={finding} onClose={() => setFinding(undefined)} />
    </Card>
  )
}

function One({ decision: d, find }: { decision: JudgedSignIn; find: (v: Finding["verdict"]) => void }) {
  const { text, icon } = outcomes[d.outcome]
  const which = `${text}, ${when(d.at)}`
  return (
    <Row
      tall
      icon={icon}
      title={
        <>
          {text} <Pill>score {d.score}</Pill>
          {!d.begun && <Pill tone="warn">nobody got in</Pill>}
          {!d.enforced && <Pill>only watched</Pill>}
          {d.verdict === "owner" && <Pill tone="good">was the owner</Pill>}
          {d.verdict === "thief" && <Pill tone="bad">was a thief</Pill>}
        </>
      }
    >
      {d.reasons.length > 0 && (
        <ul className="text-ink-2">
          {d.reasons.map((r) => (
            <li key={r.signal}>
              {r.says}{" "}
              <span className="tabular-nums text-ink-3">
                ({r.weight > 0 ? "+" : "−"}
                {Math.abs(r.weight)})
              </span>
            </li>
          ))}
        </ul>
      )}
      <time dateTime={d.at}>{when(d.at)}</time>
      {[by[d.action], d.device, d.place?.name, d.address].filter(Boolean).map((t) => ` · ${t}`)}
      {d.reviewedAt && <p>Looked at {when(d.reviewedAt)}</p>}
      <details>
        <summary className="cursor-pointer">
          What it was counted from<span className="sr-only">: {which}</span>
        </summary>
        <dl className="mt-1 space-y-1.5">
          {counted(d).map(([name, value]) => (
            <Field key={name} name={name}>
              {value}
            </Field>
          ))}
        </dl>
      </details>
      <div className="mt-2 flex flex-wrap gap-2">
        {d.verdict !== "owner" && (
          <Button size="sm" writes onClick={() => find("owner")} aria-label={`Was the owner: ${which}`}>
            Was the owner
          </Button>
        )}
        {d.verdict !== "thief" && (
          <Button
            size="sm"
            writes
            look="danger"
            onClick={() => find("thief")}
            aria-label={`Was a thief: ${which}`}
          >
            Was a thief
          </Button>
        )}
      </div>
    </Row>
  )
}

function Review({
  user,
  finding,
  onClose,
}: {
  user: string
  finding: Finding | undefined
  onClose: () => void
}) {
  const judged = queries.useChanged("judged", user)
  const person = queries.useChanged("person", user)
  const thief = finding?.verdict === "thief"
  return (
    <WithReason
      open={finding !== undefined}
      onClose={onClose}
      title={thief ? "This was a thief?" : "This was the owner?"}
      label={thief ? "Was a thief: end every session" : "Was the owner"}
      danger={thief}
      act={async ({ reason = "" }) => {
        if (!finding) return ""
        const { ended } = await ask(
          api.POST("/api/admin/users/{id}/risk/{decision}/review", {
            params: { path: { id: user, decision: finding.decision.id } },
            body: { verdict: finding.verdict, reason },
          }),
        )
        judged()
        if (!thief) return "Noted: it was the owner."
        person()
        return `Noted: it was a thief. ${ended === 1 ? "One session was" : `${ended} sessions were`} ended.`
      }}
    >
      {finding && (
        <p className="mb-2 text-ink">
          {[
            outcomes[finding.decision.outcome].text,
            when(finding.decision.at),
            finding.decision.device,
            finding.decision.address,
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
      )}
      {thief
        ? "Every session of theirs ends, on every device, and they are told by mail. No sign-in is compared with this one any more."
        : "Where it came from is taken for theirs from now on."}
    </WithReason>
  )
}
