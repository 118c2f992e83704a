import { clsx } from "clsx"
import { TrendingDown, TrendingUp } from "lucide-react"
import type { Money } from "../api/types"
import { money, moneyParts, percent, signOf, unknown } from "../format/money"
import { Tip } from "./Tip"

/** An amount. Unknown is a dash that says why; `uncertain` underlines a figure that may be behind. */
export function Figure({
  value,
  sign,
  colour,
  why,
  uncertain,
  className,
}: {
  value: Money | null | undefined
  sign?: boolean
  /** Green for money in; spending stays ink, so that a list isn't all red. */
  colour?: boolean
  why?: string
  uncertain?: string
  className?: string
}) {
  if (!value) {
    const reason = why ?? "Not known yet"
    return (
      <Tip text={reason}>
        <span className={clsx("text-ink-3", className)}>
          <span aria-hidden="true">{unknown}</span>
          <span className="sr-only">unknown: {reason}</span>
        </span>
      </Tip>
    )
  }
  const text = (
    <span
      className={clsx(
        "figure",
        className,
        colour && signOf(value.amount) > 0 && "text-up",
        uncertain && "uncertain",
      )}
    >
      {money(value, { sign })}
    </span>
  )
  return uncertain ? <Tip text={uncertain}>{text}</Tip> : text
}

/** The headline figure: the cents smaller than the rest. */
export function Headline({
  value,
  why,
  uncertain,
}: {
  value: Money | null
  why: string
  uncertain?: string
}) {
  if (!value) {
    return (
      <p className="text-hero font-semibold tracking-[-0.022em] text-ink-3">
        <Figure value={null} why={why} />
      </p>
    )
  }
  const { whole, fraction } = moneyParts(value)
  const figure = (
    <span className={clsx("figure", uncertain && "uncertain")}>
      {whole}
      <span className="text-2xl text-ink-3">{fraction}</span>
    </span>
  )
  return (
    <p className="text-hero font-semibold tracking-[-0.022em] max-sm:text-[34px]" data-testid="net-worth">
      {uncertain ? <Tip text={uncertain}>{figure}</Tip> : figure}
    </p>
  )
}

/** A change: arrow, sign and colour together, never colour alone. */
export function Delta({
  value,
  rate,
  className,
}: {
  value: Money
  rate?: string | number | null
  className?: string
}) {
  const s = signOf(value.amount)
  const Icon = s < 0 ? TrendingDown : TrendingUp
  return (
    <span
      className={clsx(
        "inline-flex items-center gap-1.5 font-medium",
        s > 0 && "text-up",
        s < 0 && "text-down",
        s === 0 && "text-ink-2",
        className,
      )}
    >
      {s !== 0 && <Icon className="size-4" aria-hidden="true" />}
      <span className="figure">{money(value, { sign: true })}</span>
      {rate !== null && rate !== undefined && <span>({percent(rate, { sign: true })})</span>}
    </span>
  )
}
