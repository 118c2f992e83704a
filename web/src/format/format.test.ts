import { describe, expect, it } from "vitest"
import { addDays, ago, dayHeading, lasted, shortDay, startOfMonth } from "./dates"
import { absolute, difference, money, moneyParts, percent, quantity, signOf } from "./money"
import { connectionState, count, label, merchantName, missingWords, monogram, runSummary } from "./words"

const run = {
  id: "r",
  trigger: "webhook",
  startedAt: "",
  finishedAt: null,
  outcome: null,
  phase: "done",
  accounts: 2,
  fetched: 0,
  added: 0,
  updated: 0,
  superseded: 0,
  removed: 0,
  positions: 0,
  apiCalls: 0,
  errorClass: null,
  message: "",
}

describe("money", () => {
  it("keeps every digit of an amount that no float could hold", () => {
    expect(money({ amount: "9007199254740993.11", currency: "USD" })).toBe("$9,007,199,254,740,993.11")
  })
  it("shows an unknown amount as a dash, never as zero", () => {
    expect(money(null)).toBe("—")
    expect(money({ amount: "", currency: "USD" })).toBe("—")
    expect(money({ amount: "NaN", currency: "USD" })).toBe("—")
  })
  it("signs gains when asked, and uses a true minus", () => {
    expect(money({ amount: "5", currency: "USD" }, { sign: true })).toBe("+$5.00")
    expect(money({ amount: "-5.1", currency: "USD" })).toBe("−$5.10")
    expect(money({ amount: "0", currency: "USD" }, { sign: true })).toBe("$0.00")
  })
  it("follows the currency's own digits", () => {
    expect(money({ amount: "1234", currency: "JPY" })).toBe("¥1,234")
  })
  it("writes a code that is no currency after the figure", () => {
    expect(money({ amount: "0.12345678", currency: "USDCX" })).toBe("0.12345678 USDCX")
  })
  it("splits whole and fraction for the headline", () => {
    expect(moneyParts({ amount: "-1234.5", currency: "USD" })).toEqual({ whole: "−$1,234", fraction: ".50" })
  })
  it("subtracts exactly", () => {
    expect(difference("0.3", "0.1")).toBe("0.2")
    expect(difference("100", "100.01")).toBe("-0.01")
    expect(difference("9007199254740993.11", "0.01")).toBe("9007199254740993.10")
    expect(difference("-1.5", "-2")).toBe("0.5")
  })
  it("reads the sign from the text", () => {
    expect([signOf("-0.00"), signOf("0"), signOf("-0.01"), signOf("3")]).toEqual([0, 0, -1, 1])
  })
  it("takes a sign off", () => {
    expect(absolute({ amount: "-3.10", currency: "EUR" }).amount).toBe("3.10")
  })
  it("shows quantities without padding and percentages with two places", () => {
    expect(quantity("1.50000000")).toBe("1.5")
    expect(quantity(null)).toBe("—")
    expect(percent("1.234", { sign: true })).toBe("+1.23%")
    expect(percent(null)).toBe("—")
  })
})

describe("dates", () => {
  it("never moves a calendar day with the time zone", () => {
    expect(shortDay("2026-03-01", "2026-11-23")).toBe("Mar 1")
    expect(addDays("2026-03-01", -1)).toBe("2026-02-28")
    expect(startOfMonth("2026-03-31")).toBe("2026-03-01")
  })
  it("heads days as people say them", () => {
    expect(dayHeading("2026-11-23", "2026-11-23")).toBe("Today")
    expect(dayHeading("2026-11-22", "2026-11-23")).toBe("Yesterday")
    expect(dayHeading("2026-11-20", "2026-11-23")).toBe("Friday, November 20")
    expect(dayHeading("2025-11-20", "2026-11-23")).toContain("2025")
    expect(dayHeading("soon", "2026-11-23")).toBe("soon")
  })
  it("says how long ago in words", () => {
    const now = new Date("2026-11-23T12:00:00Z")
    expect(ago("2026-11-23T11:59:50Z", now)).toBe("just now")
    expect(ago("2026-11-23T11:56:00Z", now)).toBe("4 minutes ago")
    expect(ago("2026-11-22T11:00:00Z", now)).toBe("yesterday")
    expect(ago("2026-01-02T11:00:00Z", now)).toBe("on Jan 2")
    expect(ago(null, now)).toBe("never")
  })
  it("says how long something took", () => {
    expect(lasted("2026-11-23T11:00:00Z", "2026-11-23T11:00:02.3Z")).toBe("2.3 s")
    expect(lasted("2026-11-23T11:00:00Z", null)).toBe("")
  })
})

describe("words", () => {
  it("counts in the right number", () => {
    expect(count(1, "account")).toBe("1 account")
    expect(count(1200, "account")).toBe("1,200 accounts")
  })
  it("turns codes into words", () => {
    expect(label("money_market")).toBe("Money market")
    expect(label("roth_ira")).toBe("Roth IRA")
  })
  it("says what a run did, or that nothing was new", () => {
    expect(runSummary({ ...run, added: 3, superseded: 1 } as never)).toBe("3 new · 1 posted")
    expect(runSummary(run as never)).toBe("Nothing new")
  })
  it("shows a running sync before the stored status", () => {
    expect(connectionState({ status: "healthy", syncing: true }).word).toBe("Updating")
    expect(connectionState({ status: "reauth", syncing: false }).tone).toBe("bad")
  })
  it("says what a total leaves out", () => {
    expect(missingWords({ what: "rate", detail: "XAU" })).toContain("XAU")
  })
  it("writes a shouted merchant as people do, and leaves others alone", () => {
    expect([
      merchantName("BARNES & NOBLE"),
      merchantName("IKEA"),
      merchantName("eBay"),
      merchantName("7-ELEVEN 123"),
    ]).toEqual(["Barnes & Noble", "IKEA", "eBay", "7-ELEVEN 123"])
  })
  it("makes a mark of a name", () => {
    expect([
      monogram("Capital One"),
      monogram("Ally"),
      monogram("APPLE.COM/BILL 866-712"),
      monogram(""),
    ]).toEqual(["CO", "AL", "AC", "?"])
  })
})
