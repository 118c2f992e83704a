import { clsx } from "clsx"
import type { Money } from "../api/types"
import { percent } from "../format/money"
import { Figure } from "../ui/Figure"
import { shares } from "./scales"

export interface Part {
  name: string
  value: Money | null
  /** A CSS colour, such as var(--hue-cash). */
  hue: string
  why?: string
}

/** Parts of a whole as one bar, with the figures in a list under it: the list is the accessible form. */
export function StackedBar({ parts }: { parts: Part[] }) {
  const widths = shares(parts.map((p) => p.value?.amount ?? "0"))
  return (
    <div>
      <div aria-hidden="true" className="flex h-3 gap-0.5 overflow-hidden rounded-full bg-sunken">
        {parts.map((p, i) => (
          <span
            key={p.name}
            className={clsx("h-full transition-[width] duration-150", widths[i] === 0 && "hidden")}
            style={{ width: `${widths[i]}%`, background: p.hue }}
          />
        ))}
      </div>
      <dl className="mt-4 space-y-3">
        {parts.map((p, i) => (
          <div key={p.name} className="flex items-center gap-2.5">
            <dt className="flex flex-1 items-center gap-2.5 text-ink-2">
              <span aria-hidden="true" className="size-2.5 rounded-[3px]" style={{ background: p.hue }} />
              {p.name}
            </dt>
            <dd className="font-medium">
              <Figure value={p.value} why={p.why} />
            </dd>
            <dd className="w-12 text-right text-sm text-ink-3">
              {p.value && (widths[i] ?? 0) > 0 ? percent((widths[i] ?? 0).toFixed(1), { digits: 0 }) : ""}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  )
}
