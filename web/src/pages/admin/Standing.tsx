import type { StaffAccount } from "../../api/types"
import { label } from "../../format/words"
import { Pill } from "../../ui/Pill"

/** An account's standing at a glance. */
export function Standing({ account: a }: { account: StaffAccount }) {
  return (
    <>
      {a.bannedAt && (
        <Pill tone="bad" dot>
          closed
        </Pill>
      )}
      <Pill tone="busy">{label(a.tier)}</Pill>
      {(a.role === "ADMIN" || a.role === "SUPER_ADMIN") && (
        <Pill tone="warn">{a.role === "ADMIN" ? "staff" : "super administrator"}</Pill>
      )}
      {!a.emailVerified && <Pill tone="warn">e-mail not confirmed</Pill>}
      <Pill tone={a.mfaEnabled ? "good" : "plain"}>{a.mfaEnabled ? "second step" : "password alone"}</Pill>
    </>
  )
}
