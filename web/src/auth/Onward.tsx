import { lazy } from "react"
import type { ApiError } from "../api/problem"

const steps = {
  mfa_required: lazy(() => import("./SecondStep")),
  verification_required: lazy(() => import("./VerifySignIn")),
}

type Refusal = ApiError & { code: keyof typeof steps }

/** Whether a refusal asks for one more step before somebody is signed in. */
export function asksMore(error: ApiError | undefined): error is Refusal {
  return error !== undefined && Object.hasOwn(steps, error.code)
}

/** The step that a refusal asks for. */
export function Onward({ refusal, onBack }: { refusal: Refusal; onBack: () => void }) {
  const Step = steps[refusal.code]
  return <Step demand={refusal.demand} onBack={onBack} />
}
