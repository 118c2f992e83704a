import { clsx } from "clsx"
import { Check } from "lucide-react"
import type { ReactNode } from "react"

export interface Step {
  done: boolean
  title: string
  text: string
  action?: ReactNode
}

/** Things to do, which tick themselves. `strike` crosses out what is done with. */
export function StepList({ steps, strike }: { steps: Step[]; strike?: boolean }) {
  return (
    <ol className="mt-4 grid gap-4 md:grid-cols-2 xl:grid-cols-4">
      {steps.map((s) => (
        <li key={s.title} className="flex gap-3">
          <span
            className={clsx(
              "mt-0.5 inline-flex size-5 shrink-0 items-center justify-center rounded-full border",
              s.done ? "border-transparent bg-up text-card" : "border-line-strong",
            )}
          >
            {s.done && <Check className="size-3.5" aria-hidden="true" strokeWidth={3} />}
            <span className="sr-only">{s.done ? "Done:" : "To do:"}</span>
          </span>
          <div className="min-w-0">
            <p className={clsx("font-medium", s.done && strike && "text-ink-3 line-through")}>{s.title}</p>
            {(!s.done || !strike) && <p className="text-sm text-ink-3">{s.text}</p>}
            {!s.done && s.action && <p className="mt-1 text-sm">{s.action}</p>}
          </div>
        </li>
      ))}
    </ol>
  )
}
