// First steps, which tick themselves. Never in the way: one click and it is gone.
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { X } from "lucide-react"
import { useState } from "react"
import * as queries from "../api/queries"
import { recall, remember } from "../shell/prefs"
import { IconButton } from "../ui/Button"
import { type Step, StepList } from "./StepList"

export function Checklist() {
  const [dismissed, setDismissed] = useState(() => recall("checklist") === "dismissed")
  const { data: user } = useQuery(queries.user)
  const { data: connections } = useQuery(queries.connections)
  // Someone who has connected more than once is past their first steps.
  const newcomer = !dismissed && connections !== undefined && connections.used <= 1
  const { data: imports } = useQuery({ ...queries.imports, enabled: newcomer })
  if (!newcomer || !user) return null
  const link = "prose-link"
  const steps: Step[] = [
    {
      done: user.emailVerified,
      title: "Confirm your e-mail",
      text: "So that nobody else can use your address.",
    },
    {
      done: connections.used > 0,
      title: "Connect your first account",
      text: "A bank, a brokerage or a crypto exchange. Reading only.",
      action: (
        <a href="/connect" className={link}>
          Connect
        </a>
      ),
    },
    {
      done: user.mfaEnabled,
      title: "Secure your account",
      text: "A second step at sign-in: a stolen password alone opens nothing.",
      action: (
        <Link to="/settings/security" className={link}>
          Set it up
        </Link>
      ),
    },
    {
      done: (imports ?? []).some((i) => i.status === "applied"),
      title: "Bring older statements",
      text: "OFX, QFX or CSV from any bank. Optional.",
      action: (
        <Link to="/import" className={link}>
          Import
        </Link>
      ),
    },
  ]
  const done = steps.filter((s) => s.done).length
  if (done === steps.length) return null
  return (
    <section className="card p-5" aria-label="First steps">
      <div className="flex items-start justify-between gap-4">
        <div>
          <h2 className="text-base font-semibold">First steps</h2>
          <p className="text-sm text-ink-3">
            {done} of {steps.length} done
          </p>
        </div>
        <IconButton
          name="Dismiss first steps"
          className="-mt-1.5 -mr-2"
          onClick={() => {
            remember("checklist", "dismissed")
            setDismissed(true)
          }}
        >
          <X />
        </IconButton>
      </div>
      <StepList steps={steps} strike />
    </section>
  )
}
