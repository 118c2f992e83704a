// A value over time. One component minds crosshair, keyboard, screen readers, the
// table behind the picture, and days whose figure is an estimate.
import { area, curveMonotoneX, line } from "d3-shape"
import { Table2 } from "lucide-react"
import { type KeyboardEvent, type PointerEvent, useId, useMemo, useState } from "react"
import { fullDay, shortDay } from "../format/dates"
import { compactMoney, money, signOf } from "../format/money"
import { buttonClass } from "../ui/Button"
import { certainty, dateTicks, estimatedRuns, nearest, type Point, plot, step, toPoints } from "./scales"
import { useWidth } from "./useWidth"

interface Props {
  /** What the line shows, for people who can't see it: "Net worth". */
  label: string
  currency: string
  series: { day: string; value: string; quality?: string }[]
  height?: number
}

// What is said under the picture about days that are reckoned back and not seen.
const notes = {
  known: "",
  partly: "Shaded days are estimates.",
  estimated: "Days before your first connection are reckoned back, and estimates.",
}

const left = 0
const right = 56
const bottom = 24

const monthDay = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" })
const monthYear = new Intl.DateTimeFormat(undefined, { month: "short", year: "2-digit", timeZone: "UTC" })

export function AreaSeries({ label, currency, series, height = 240 }: Props) {
  const [box, width] = useWidth<HTMLDivElement>()
  const [at, setAt] = useState<number>()
  const [asTable, setAsTable] = useState(false)
  const fade = useId()
  const points = useMemo(() => toPoints(series), [series])
  const w = Math.max(0, width - left - right)
  const h = height - bottom
  const last = points.length - 1
  const current = at !== undefined && at <= last ? points[at] : undefined

  const onKey = (e: KeyboardEvent) => {
    if (e.key === "Escape") return setAt(undefined)
    const next = step(e.key, at, last)
    if (next === undefined) return
    e.preventDefault()
    setAt(next)
  }

  if (points.length === 0) return null
  return (
    <figure>
      <div ref={box} className="relative" style={{ height }}>
        {asTable ? (
          <SeriesTable label={label} points={points} currency={currency} height={height} />
        ) : (
          w > 0 && (
            <>
              <Drawing {...{ points, w, h, height, width, currency, at, fade }} />
              {/* The slider is what keyboards and screen readers hold; the picture under it is decoration. */}
              <div
                role="slider"
                tabIndex={0}
                aria-label={`${label}, day by day`}
                aria-valuemin={0}
                aria-valuemax={last}
                aria-valuenow={at ?? last}
                aria-valuetext={sentence(current ?? points[last], currency)}
                className="absolute inset-0 cursor-crosshair touch-pan-y rounded-md"
                onKeyDown={onKey}
                onBlur={() => setAt(undefined)}
                onPointerMove={(e: PointerEvent<HTMLDivElement>) => {
                  const { x } = plot(points, w, h)
                  setAt(nearest(points, x, e.clientX - e.currentTarget.getBoundingClientRect().left - left))
                }}
                onPointerLeave={() => setAt(undefined)}
              />
              {current && <Readout point={current} {...{ points, w, h, currency }} />}
            </>
          )
        )}
      </div>
      <figcaption className="mt-1 flex items-center justify-between gap-3 text-xs text-ink-3">
        <span>{notes[certainty(points)]}</span>
        <button
          type="button"
          className={buttonClass("quiet", "sm", "-mr-2 text-xs!")}
          aria-pressed={asTable}
          onClick={() => setAsTable(!asTable)}
        >
          <Table2 aria-hidden="true" />
          {asTable ? "View as chart" : "View as table"}
        </button>
      </figcaption>
    </figure>
  )
}

function sentence(p: Point | undefined, currency: string): string {
  if (!p) return ""
  const text = `${fullDay(p.day)}: ${money({ amount: p.exact, currency })}`
  return p.estimated ? `${text}, estimated` : text
}

interface DrawingProps {
  points: Point[]
  w: number
  h: number
  width: number
  height: number
  currency: string
  at?: number
  fade: string
}

function Drawing({ points, w, h, width, height, currency, at, fade }: DrawingProps) {
  const shape = useMemo(() => {
    const p = plot(points, w, h)
    const curve = points.length > 120 ? undefined : curveMonotoneX
    const l = line<Point>(
      (d) => p.x(d.date),
      (d) => p.y(d.value),
    )
    const a = area<Point>(
      (d) => p.x(d.date),
      h,
      (d) => p.y(d.value),
    )
    if (curve) {
      l.curve(curve)
      a.curve(curve)
    }
    return {
      ...p,
      line: l(points) ?? "",
      area: a(points) ?? "",
      runs: certainty(points) === "partly" ? estimatedRuns(points) : [],
    }
  }, [points, w, h])
  const { x, y } = shape
  const far = (points.at(-1)?.date.getTime() ?? 0) - (points[0]?.date.getTime() ?? 0) > 200 * 86_400_000
  const here = at === undefined ? undefined : points[at]
  return (
    <svg width={width} height={height} aria-hidden="true" className="block overflow-visible">
      <defs>
        <linearGradient id={fade} x1="0" x2="0" y1="0" y2="1">
          <stop offset="0" stopColor="var(--accent)" stopOpacity=".2" />
          <stop offset="1" stopColor="var(--accent)" stopOpacity="0" />
        </linearGradient>
        <pattern
          id={`${fade}-hatch`}
          width="6"
          height="6"
          patternUnits="userSpaceOnUse"
          patternTransform="rotate(45)"
        >
          <line x1="0" x2="0" y1="0" y2="6" stroke="var(--line-strong)" strokeWidth="1" />
        </pattern>
      </defs>
      {shape.ticks.map((t) => (
        <g key={t} transform={`translate(0,${y(t)})`}>
          <line x1={0} x2={w} stroke="var(--line)" strokeDasharray="2 4" />
          <text x={w + 10} dy="0.32em" fontSize={11} fill="var(--ink-3)" className="figure">
            {compactMoney(t, currency)}
          </text>
        </g>
      ))}
      {shape.runs.map(([a, b]) => {
        const from = x(points[a]?.date ?? 0)
        const to = x(points[Math.min(b + 1, points.length - 1)]?.date ?? 0)
        return (
          <rect
            key={a}
            x={from}
            width={Math.max(2, to - from)}
            y={0}
            height={h}
            fill={`url(#${fade}-hatch)`}
            opacity={0.45}
          />
        )
      })}
      <path d={shape.area} fill={`url(#${fade})`} />
      <path
        d={shape.line}
        fill="none"
        stroke="var(--accent)"
        strokeWidth={2}
        strokeLinejoin="round"
        strokeLinecap="round"
      />
      {dateTicks(x, w).map((d) => (
        <text key={d.getTime()} x={x(d)} y={height - 4} textAnchor="middle" fontSize={11} fill="var(--ink-3)">
          {(far ? monthYear : monthDay).format(d)}
        </text>
      ))}
      {here && (
        <g>
          <line x1={x(here.date)} x2={x(here.date)} y1={0} y2={h} stroke="var(--line-strong)" />
          <circle
            cx={x(here.date)}
            cy={y(here.value)}
            r={4.5}
            fill="var(--accent)"
            stroke="var(--card)"
            strokeWidth={2}
          />
        </g>
      )}
    </svg>
  )
}

function Readout({
  point,
  points,
  w,
  h,
  currency,
}: {
  point: Point
  points: Point[]
  w: number
  h: number
  currency: string
}) {
  const { x } = plot(points, w, h)
  const px = x(point.date)
  return (
    <div
      aria-hidden="true"
      className="pointer-events-none absolute top-0 rounded-md border border-line bg-raised px-2.5 py-1.5 text-xs shadow-overlay"
      style={px > w / 2 ? { right: w - px + right + 12 } : { left: px + 12 }}
    >
      <span className="block text-ink-3">
        {shortDay(point.day)}
        {point.estimated && " · estimated"}
      </span>
      <span className="figure block text-base font-semibold">{money({ amount: point.exact, currency })}</span>
    </div>
  )
}

function SeriesTable({
  label,
  points,
  currency,
  height,
}: {
  label: string
  points: Point[]
  currency: string
  height: number
}) {
  return (
    <section
      aria-label={`${label} as a table`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
      tabIndex={0}
      className="overflow-y-auto rounded-md border border-line"
      style={{ height }}
    >
      <table className="w-full text-sm">
        <thead className="sticky top-0 bg-sunken text-left text-xs text-ink-2">
          <tr>
            <th scope="col" className="px-3 py-2 font-medium">
              Day
            </th>
            <th scope="col" className="px-3 py-2 text-right font-medium">
              {label}
            </th>
          </tr>
        </thead>
        <tbody>
          {points.toReversed().map((p) => (
            <tr key={p.day} className="border-t border-line">
              <td className="px-3 py-1.5">
                {fullDay(p.day)}
                {p.estimated && <span className="text-ink-3"> · estimated</span>}
              </td>
              <td className={`px-3 py-1.5 text-right ${signOf(p.exact) < 0 ? "text-down" : ""}`}>
                <span className="figure">{money({ amount: p.exact, currency })}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
