import { describe, expect, it } from "vitest"
import { certainty, estimatedRuns, nearest, plot, shares, step, toPoints } from "./scales"

const series = [
  { day: "2026-11-03", value: "30", quality: "complete" },
  { day: "2026-11-01", value: "10", quality: "estimated" },
  { day: "2026-11-02", value: "20", quality: "estimated" },
]

describe("a chart", () => {
  it("orders its points and drops what isn't a number", () => {
    const points = toPoints([...series, { day: "2026-11-04", value: "unknown" }])
    expect(points.map((p) => p.value)).toEqual([10, 20, 30])
    expect(points[0]?.exact).toBe("10")
  })
  it("spans its width and keeps room above and below", () => {
    const points = toPoints(series)
    const { x, y } = plot(points, 200, 100)
    expect(x(points[0]?.date as Date)).toBe(0)
    expect(x(points[2]?.date as Date)).toBe(200)
    expect(y(30)).toBeGreaterThan(0)
    expect(y(10)).toBeLessThan(100)
  })
  it("draws a flat line and a single day without dividing by zero", () => {
    const flat = plot(toPoints([{ day: "2026-11-01", value: "0" }]), 200, 100)
    expect(flat.y(0)).toBe(50)
    expect(flat.x(new Date("2026-11-01T00:00:00Z"))).toBe(100)
  })
  it("finds the day under the pointer", () => {
    const points = toPoints(series)
    const { x } = plot(points, 200, 100)
    expect([nearest(points, x, -50), nearest(points, x, 90), nearest(points, x, 500)]).toEqual([0, 1, 2])
    expect(nearest([], x, 5)).toBe(-1)
  })
  it("moves by keys and stays within its days", () => {
    expect(step("ArrowLeft", undefined, 9)).toBe(9)
    expect(step("ArrowLeft", 0, 9)).toBe(0)
    expect(step("ArrowRight", 8, 9)).toBe(9)
    expect(step("Home", 5, 9)).toBe(0)
    expect(step("x", 5, 9)).toBeUndefined()
  })
  it("shades each run of estimated days once", () => {
    expect(estimatedRuns(toPoints(series))).toEqual([[0, 1]])
  })
  it("says so instead of shading when nearly all is an estimate", () => {
    const days = (estimated: number) =>
      toPoints(
        Array.from({ length: 20 }, (_, i) => ({
          day: `2026-11-${String(i + 1).padStart(2, "0")}`,
          value: "1",
          quality: i < estimated ? "estimated" : "complete",
        })),
      )
    expect([certainty(days(0)), certainty(days(5)), certainty(days(19))]).toEqual([
      "known",
      "partly",
      "estimated",
    ])
  })
  it("gives parts their share, and none to debts", () => {
    expect(shares(["75", "25", "-10", ""])).toEqual([75, 25, 0, 0])
    expect(shares(["0"])).toEqual([0])
  })
})
