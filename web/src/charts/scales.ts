// The arithmetic of charts, apart from the drawing so that it can be tested. Numbers
// here are geometry; what people read is formatted from the server's decimal strings.
import { bisector, extent } from "d3-array"
import { type ScaleLinear, type ScaleTime, scaleLinear, scaleUtc } from "d3-scale"

export interface Point {
  /** YYYY-MM-DD */
  day: string
  date: Date
  value: number
  /** The server's decimal string. */
  exact: string
  estimated: boolean
}

export interface Plot {
  x: ScaleTime<number, number>
  y: ScaleLinear<number, number>
  ticks: number[]
}

/** The series as points, in order, without entries that no number can be read from. */
export function toPoints(series: { day: string; value: string; quality?: string }[]): Point[] {
  return series
    .map((p) => ({
      day: p.day,
      date: new Date(`${p.day}T00:00:00Z`),
      value: Number(p.value),
      exact: p.value,
      estimated: p.quality === "estimated",
    }))
    .filter((p) => Number.isFinite(p.value) && !Number.isNaN(p.date.getTime()))
    .sort((a, b) => a.date.getTime() - b.date.getTime())
}

/** Scales for an area of the given inner size. A flat line gets room above and below. */
export function plot(points: Point[], width: number, height: number): Plot {
  const [from, to] = extent(points, (p) => p.date) as [Date, Date]
  const [low, high] = extent(points, (p) => p.value) as [number, number]
  const spread = high - low
  const pad = spread > 0 ? spread * 0.12 : Math.max(1, Math.abs(high) * 0.02)
  const span = to.getTime() - from.getTime()
  const x = scaleUtc()
    .domain(
      span > 0 ? [from, to] : [new Date(from.getTime() - 43_200_000), new Date(to.getTime() + 43_200_000)],
    )
    .range([0, width])
  const y = scaleLinear()
    .domain([low - pad, high + pad])
    .range([height, 0])
  return { x, y, ticks: y.ticks(4) }
}

const byDate = bisector<Point, Date>((p) => p.date)

/** The index of the point nearest to a pixel. */
export function nearest(points: Point[], x: Plot["x"], px: number): number {
  if (points.length === 0) return -1
  return byDate.center(points, x.invert(px))
}

/** Where the crosshair goes for a key; undefined if the key isn't ours. */
export function step(key: string, at: number | undefined, last: number): number | undefined {
  switch (key) {
    case "ArrowLeft":
      return Math.max(0, (at ?? last + 1) - 1)
    case "ArrowRight":
      return Math.min(last, (at ?? last - 1) + 1)
    case "Home":
      return 0
    case "End":
      return last
    default:
      return undefined
  }
}

/** Runs of estimated days, as index pairs, for the shading that says so. */
export function estimatedRuns(points: Point[]): [number, number][] {
  const runs: [number, number][] = []
  points.forEach((p, i) => {
    if (!p.estimated) return
    const run = runs.at(-1)
    if (run && run[1] === i - 1) run[1] = i
    else runs.push([i, i])
  })
  return runs
}

/** Widths in percent of the parts of a bar. Parts that are zero or negative have none. */
export function shares(values: string[]): number[] {
  const numbers = values.map((v) => Math.max(0, Number(v) || 0))
  const total = numbers.reduce((a, b) => a + b, 0)
  return numbers.map((n) => (total > 0 ? (n / total) * 100 : 0))
}

/** At most `n` ticks of dates, spread evenly, none of them at the very edge. */
export function dateTicks(x: Plot["x"], width: number): Date[] {
  const room = Math.max(2, Math.min(6, Math.floor(width / 110)))
  return x.ticks(room).filter((d) => x(d) > 24 && x(d) < width - 24)
}

/** How much of a series is estimated: none, some of it, or so much that shading would only be noise. */
export function certainty(points: Point[]): "known" | "partly" | "estimated" {
  const estimated = points.filter((p) => p.estimated).length
  if (estimated === 0) return "known"
  return estimated > points.length * 0.9 ? "estimated" : "partly"
}
