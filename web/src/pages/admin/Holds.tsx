// Legal holds: while one is on, nothing of an account is removed. The person isn't told.
import { useQuery } from "@tanstack/react-query"
import { Gavel } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import type { Hold } from "../../api/types"
import { when } from "../../format/dates"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Pill } from "../../ui/Pill"
import { RowSkeletons } from "../../ui/States"
import { Row } from "../security/Row"
import { useGuard } from "../security/StepUp"
import * as queries from "./queries"
import { NotRead } from "./Staff"
import { WithReason } from "./WithReason"

export function Holds({ user }: { user: string }) {
  const guard = useGuard()
  const { data, error, refetch } = useQuery(queries.holds(guard, user))
  const [placing, setPlacing] = useState(false)
  const [ending, setEnding] = useState<Hold>()
  const changed = queries.useChanged("holds", user)
  const on = data?.some((h) => !h.endedAt)
  return (
    <Card
      id="holds"
      title="Legal holds"
      flush
      aside={
        data &&
        !on && (
          <Button size="sm" writes onClick={() => setPlacing(true)}>
            Place a hold
          </Button>
        )
      }
    >
      {error && !data ? (
        <NotRead what="legal holds" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={1} what="legal holds" />
      ) : data.length === 0 ? (
        <p className="px-5 py-4 text-ink-2 max-sm:px-4">
          None. Retention and deletion take what is past its time.
        </p>
      ) : (
        <ul aria-label="Legal holds">
          {data.map((h) => (
            <Row
              key={h.id}
              icon={<Gavel />}
              title={
                <>
                  {h.reason || "No reason is recorded"}
                  {h.endedAt ? <Pill>ended</Pill> : <Pill tone="warn">on</Pill>}
                </>
              }
              action={
                !h.endedAt && (
                  <Button size="sm" writes onClick={() => setEnding(h)}>
                    End it
                  </Button>
                )
              }
            >
              Since {when(h.createdAt)}
              {h.createdBy && ` · by ${h.createdBy}`}
              {h.endedAt && ` · until ${when(h.endedAt)}`}
            </Row>
          ))}
        </ul>
      )}
      <WithReason
        open={placing}
        onClose={() => setPlacing(false)}
        title="Place a legal hold"
        label="Place the hold"
        act={async ({ reason = "" }) => {
          await ask(
            api.POST("/api/admin/users/{id}/holds", { params: { path: { id: user } }, body: { reason } }),
          )
          changed()
          return "The hold is on."
        }}
      >
        Nothing of this account is removed by retention, and its deletion waits, until the hold is ended. The
        person isn’t told.
      </WithReason>
      <WithReason
        open={ending !== undefined}
        onClose={() => setEnding(undefined)}
        title="End this legal hold?"
        label="End the hold"
        danger
        act={async ({ reason = "" }) => {
          await ask(
            api.POST("/api/admin/users/{id}/holds/{hold}/end", {
              params: { path: { id: user, hold: ending?.id ?? "" } },
              body: { reason },
            }),
          )
          changed()
          return "The hold is over."
        }}
      >
        What was to be removed meanwhile is removed by the next run, and a deletion that waited goes on.
      </WithReason>
    </Card>
  )
}
