import { CircleHelp, Mail, ShieldAlert, ShieldCheck } from "lucide-react"
import type { ReactNode } from "react"
import type { RiskDecision } from "../../api/types"

/** What came of a sign-in, in words. */
export const outcomes: Record<RiskDecision["outcome"], { text: string; icon: ReactNode }> = {
  allow: { text: "Let in", icon: <ShieldCheck /> },
  step_up: { text: "Asked for a second step", icon: <CircleHelp /> },
  verify_email: { text: "Mailed a code", icon: <Mail /> },
  block: { text: "Refused", icon: <ShieldAlert /> },
}

/** By what somebody signed in. */
export const by: Record<RiskDecision["action"], string> = {
  password: "by password",
  link: "by mailed link",
  passkey: "by passkey",
}
