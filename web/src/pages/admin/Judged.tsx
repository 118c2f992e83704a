// How somebody's sign-ins were judged, with the weight of each reason.
import { ShieldCheck } from "lucide-react"
import type { RiskDecision } from "../../api/types"
import { when } from "../../format/dates"
import { Card } from "../../ui/Card"
import { Pill } from "../../ui/Pill"
import { Empty } from "../../ui/States"
import { by, outcomes } from "../security/outcomes"
import { Row } from "../security/Row"

export function Judged({ decisions }: { decisions: RiskDecision[] }) {
  return (
    <Card id="judged" title="How sign-ins were judged" flush>
      {decisions.length === 0 ? (
        <Empty icon={<ShieldCheck />} title="No sign-ins">
          Decisions of the last 90 days stand here.
        </Empty>
      ) : (
        <ul aria-label="How sign-ins were judged">
          {decisions.map((d) => (
            <One key={d.id} decision={d} />
          ))}
        </ul>
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
          {text} <Pill>score {d.score}</Pill>
          {!d.begun && <Pill tone="warn">nobody got in</Pill>}
        </>
      }
    >
      {(d.reasons ?? []).length > 0 && (
        <ul className="text-ink-2">
          {(d.reasons ?? []).map((r) => (
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
    </Row>
  )
}
