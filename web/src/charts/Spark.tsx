import { line } from "d3-shape"
import { plot, toPoints } from "./scales"

/** A line without axes, the size of a word. The figure beside it says what it shows. */
export function Spark({
  series,
  width = 72,
  height = 24,
}: {
  series: { day: string; value: string }[]
  width?: number
  height?: number
}) {
  const points = toPoints(series)
  if (points.length < 2) return <span aria-hidden="true" className="inline-block" style={{ width, height }} />
  const { x, y } = plot(points, width - 2, height - 4)
  const d =
    line<(typeof points)[number]>(
      (p) => x(p.date) + 1,
      (p) => y(p.value) + 2,
    )(points) ?? ""
  return (
    <svg width={width} height={height} aria-hidden="true" className="block shrink-0">
      <path
        d={d}
        fill="none"
        stroke="var(--accent)"
        strokeWidth={1.5}
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </svg>
  )
}
