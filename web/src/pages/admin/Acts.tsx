// What staff can do to an account. Each act takes a reason and a fresh proof; the person is told.
import { useState } from "react"
import { api, ask } from "../../api/client"
import type { StaffAccountDetail } from "../../api/types"
import { count, label } from "../../format/words"
import { Button } from "../../ui/Button"
import { Select } from "../../ui/Field"
import { nameOf } from "./name"
import * as queries from "./queries"
import { WithReason } from "./WithReason"

const tiers = ["free", "basic", "pro", "premium"] as const
type Act = "tier" | "ban" | "unban" | "sign-out"

export function Acts({ account: a }: { account: StaffAccountDetail }) {
  const [act, setAct] = useState<Act>()
  const changed = queries.useChanged()
  const params = { path: { id: a.id } }
  const close = () => setAct(undefined)
  const name = nameOf(a)
  /** Does it, and reads the account anew. */
  const done = async (call: Promise<unknown>, says: string) => {
    await call
    changed()
    return says
  }
  return (
    <>
      <div className="mt-5 flex flex-wrap gap-2 border-t border-line pt-4">
        <Button size="sm" writes onClick={() => setAct("tier")}>
          Change the plan
        </Button>
        <Button size="sm" writes disabled={a.sessions === 0} onClick={() => setAct("sign-out")}>
          Sign out everywhere
        </Button>
        {a.bannedAt ? (
          <Button size="sm" writes onClick={() => setAct("unban")}>
            Open the account
          </Button>
        ) : (
          <Button size="sm" writes look="danger" onClick={() => setAct("ban")}>
            Close the account
          </Button>
        )}
      </div>
      <WithReason
        open={act === "tier"}
        onClose={close}
        title={`Change ${name}’s plan`}
        label="Change the plan"
        extra={
          <Select label="Plan" name="tier" defaultValue={a.tier}>
            {tiers.map((t) => (
              <option key={t} value={t}>
                {label(t)}
              </option>
            ))}
          </Select>
        }
        act={({ tier, reason = "" }) =>
          done(
            ask(
              api.POST("/api/admin/users/{id}/tier", {
                params,
                body: { tier: tiers.find((t) => t === tier) ?? a.tier, reason },
              }),
            ),
            "The plan is changed.",
          )
        }
      >
        What they have connected stays, even beyond what a smaller plan allows. They get a mail.
      </WithReason>
      <WithReason
        open={act === "sign-out"}
        onClose={close}
        title={`Sign ${name} out everywhere?`}
        label="Sign out everywhere"
        danger
        act={async ({ reason = "" }) => {
          const { ended } = await ask(
            api.POST("/api/admin/users/{id}/sign-out", { params, body: { reason } }),
          )
          changed()
          return `Signed out at ${count(ended, "device")}.`
        }}
      >
        All of their sessions end at once; API keys stay. They get a mail.
      </WithReason>
      <WithReason
        open={act === "ban"}
        onClose={close}
        title={`Close ${name}’s account?`}
        label="Close the account"
        danger
        act={({ reason = "" }) =>
          done(
            ask(api.POST("/api/admin/users/{id}/ban", { params, body: { reason } })),
            "The account is closed.",
          )
        }
      >
        They are signed out at once and can’t sign in. Their data stays. They get a mail.
      </WithReason>
      <WithReason
        open={act === "unban"}
        onClose={close}
        title={`Open ${name}’s account?`}
        label="Open the account"
        act={({ reason = "" }) =>
          done(
            ask(api.POST("/api/admin/users/{id}/unban", { params, body: { reason } })),
            "The account is open.",
          )
        }
      >
        They can sign in again with what they had. They get a mail.
      </WithReason>
    </>
  )
}
