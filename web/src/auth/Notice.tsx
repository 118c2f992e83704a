import { clsx } from "clsx"
import type { ReactNode } from "react"
import type { ApiError } from "../api/problem"

export function Notice({ tone, children }: { tone: "good" | "bad"; children: ReactNode }) {
  return (
    <div
      role={tone === "bad" ? "alert" : "status"}
      className={clsx("rounded-md px-3 py-2.5", tone === "good" ? "bg-up-soft" : "bg-down-soft")}
    >
      {children}
    </div>
  )
}

/** What a form's failure says as a whole; single fields say their own. */
export function FormProblem({ error }: { error: ApiError | undefined }) {
  if (!error || error.fields.length > 0) return null
  return (
    <Notice tone="bad">
      <p>{error.message}</p>
      {error.kind === "too-many" && error.retryAfter > 0 && <p>Try again in {wait(error.retryAfter)}.</p>}
      {error.kind === "broken" && error.requestId && (
        <p className="mt-1 text-xs text-ink-2">Request {error.requestId}</p>
      )}
    </Notice>
  )
}

function wait(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} seconds`
  return `${Math.ceil(seconds / 60)} minutes`
}
