import { clsx } from "clsx"
import type { ReactNode } from "react"
import type { Tone } from "../format/words"

const tones: Record<Tone, string> = {
  good: "bg-up-soft text-up",
  busy: "bg-accent-soft text-accent",
  warn: "bg-warn-soft text-warn",
  bad: "bg-down-soft text-down",
  plain: "bg-sunken text-ink-2",
}

export function Pill({ tone = "plain", dot, children }: { tone?: Tone; dot?: boolean; children: ReactNode }) {
  return (
    <span
      className={clsx(
        "inline-flex h-6 items-center gap-1.5 rounded-full px-2.5 text-xs font-medium tracking-normal whitespace-nowrap",
        tones[tone],
      )}
    >
      {dot && (
        <span
          aria-hidden="true"
          className={clsx("size-1.5 rounded-full bg-current", tone === "busy" && "animate-pulse")}
        />
      )}
      {children}
    </span>
  )
}
