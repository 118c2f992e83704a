import { describe, expect, it } from "vitest"
import { command } from "../shell/keys"
import { safeReturn } from "../shell/session"
import { aTransaction } from "../testing/render"
import { chosen, needsMapping } from "./ColumnMapping"
import { outcome, portalProblem } from "./ConnectReturn"
import { change } from "./Dashboard"
import { latest } from "./FirstSync"
import { refuse } from "./Import"
import { flatten, neighbour } from "./transactionList"
import { without } from "./useDelete"

const key = (k: string, more = {}) => ({ key: k, ctrlKey: false, metaKey: false, altKey: false, ...more })

describe("shortcuts", () => {
  it("go somewhere after g, and leave the browser's own alone", () => {
    expect(command(key("t"), true)).toEqual({ do: "go", to: "/transactions" })
    expect(command(key("t"), false)).toEqual({ do: "theme" })
    expect(command(key("t", { ctrlKey: true }), false)).toBeUndefined()
    expect(command(key("z"), true)).toBeUndefined()
  })
})

describe("the way back after sign-in", () => {
  it("stays on this site", () => {
    expect(safeReturn("/transactions?q=a")).toBe("/transactions?q=a")
    for (const evil of [
      "//evil.example",
      "https://evil.example",
      "/\\evil.example",
      "javascript:alert(1)",
      null,
    ]) {
      expect(safeReturn(evil)).toBe("/")
    }
  })
})

describe("the return from the portal", () => {
  it("tells success, failure and a closed window apart", () => {
    expect(outcome({ status: "SUCCESS", connection_id: "x" })).toBe("linked")
    expect(outcome({ status: "ERROR", error_code: "1066" })).toBe("failed")
    expect(outcome({ status: "ABANDONED" })).toBe("left")
    expect(outcome({})).toBe("left")
    expect(outcome({ status: "SUCCESS" })).toBe("failed")
    expect(portalProblem("1066")).toContain("sign-in")
    expect(portalProblem("toString")).toContain("reported a problem")
  })
})

describe("the change over a period", () => {
  const history = (...values: string[]) => ({
    period: "1M",
    currency: "USD",
    dataPoints: values.map((value, i) => ({
      timestamp: "",
      day: `2026-11-0${i + 1}`,
      value,
      quality: "complete" as const,
    })),
  })
  it("is exact, and has no rate over nothing or over debts", () => {
    expect(change(history("100.10", "101.20"))).toEqual({
      value: { amount: "1.10", currency: "USD" },
      rate: "1.10",
    })
    expect(change(history("0", "5"))?.rate).toBeNull()
    expect(change(history("-100", "5"))?.rate).toBeNull()
    expect(change(history("1"))).toBeUndefined()
  })
})

describe("the first sync", () => {
  const progress = {
    connection: "c",
    run: "r1",
    phase: "transactions" as const,
    accounts: 1,
    fetched: 9,
    added: 0,
    updated: 0,
    removed: 0,
    positions: 0,
  }
  const run = {
    id: "r1",
    phase: "accounts",
    outcome: null,
    finishedAt: null,
    fetched: 0,
    accounts: 1,
    added: 0,
    updated: 0,
    removed: 0,
    positions: 0,
  }
  it("believes whichever is further on: the events or the stored run", () => {
    expect(latest(progress, run as never)?.phase).toBe("transactions")
    expect(latest(undefined, { ...run, phase: "positions" } as never)?.phase).toBe("positions")
    expect(latest(progress, { ...run, finishedAt: "2026", outcome: "succeeded" } as never)?.phase).toBe(
      "done",
    )
    expect(latest(progress, { ...run, finishedAt: "2026", outcome: "failed" } as never)?.phase).toBe("failed")
  })
})

describe("files", () => {
  it("are refused here when the server would, with a way on", () => {
    expect(refuse({ name: "a.ofx", size: 10 })).toBeUndefined()
    expect(refuse({ name: "a.ofx", size: 11 * 1024 * 1024 })).toContain("larger than 10 MB")
    expect(refuse({ name: "a.ofx", size: 0 })).toContain("empty")
    expect(refuse({ name: "statement.PDF", size: 10 })).toContain("OFX")
  })
})

describe("the list of transactions", () => {
  const rows = [
    aTransaction({ id: "1" }),
    aTransaction({ id: "2" }),
    aTransaction({ id: "3", date: "2026-11-01" }),
  ]
  it("gets one heading a day", () => {
    expect(flatten(rows).map((i) => i.kind)).toEqual(["day", "row", "row", "day", "row"])
  })
  it("moves between rows and stops at its ends", () => {
    expect(neighbour(rows, undefined, 1)).toBe("1")
    expect(neighbour(rows, "1", 1)).toBe("2")
    expect(neighbour(rows, "3", 1)).toBe("3")
    expect(neighbour([], undefined, 1)).toBeUndefined()
  })
  it("loses a deleted row at once", () => {
    const list = { pages: [{ transactions: rows, nextCursor: null }], pageParams: [""] }
    expect(without(list, "2")?.pages[0]?.transactions.map((t) => t.id)).toEqual(["1", "3"])
    expect(without(undefined, "2")).toBeUndefined()
  })
})

describe("columns of a CSV", () => {
  it("send one column of amounts or two, and nothing that wasn't chosen", () => {
    const all = { date: "Day", amount: "Sum", debit: "Out", credit: "In", description: "", invert: false }
    expect(chosen(all, false)).toEqual({ date: "Day", amount: "Sum", invert: false })
    expect(chosen(all, true)).toEqual({ date: "Day", debit: "Out", credit: "In", invert: false })
  })
  it("are asked for only when the server couldn't tell", () => {
    expect(needsMapping({ format: "csv", rows: [] })).toBe(true)
    expect(needsMapping({ format: "csv", rows: [], mapping: { date: "Day" } })).toBe(false)
    expect(needsMapping({ format: "ofx", rows: [] })).toBe(false)
  })
})
