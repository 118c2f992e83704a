import { describe, expect, it, vi } from "vitest"
import { Refusal, serve } from "../testing/render"
import { api, ask } from "./client"
import { Live, type LiveEvent, parse, quiet, reduce, staleKeys } from "./live"
import { openedAtANumber } from "./passkeys"
import { ApiError, toApiError } from "./problem"

const sync = (phase: string, more: Record<string, unknown> = {}): LiveEvent => ({
  topic: "sync",
  data: { connection: "c1", run: "r1", phase, ...more },
})

describe("live events", () => {
  it("shows a sync's real counts as they grow", () => {
    const s = [sync("accounts", { accounts: 2 }), sync("transactions", { accounts: 2, fetched: 100 })].reduce(
      reduce,
      quiet,
    )
    expect(s.sync.c1).toMatchObject({ phase: "transactions", accounts: 2, fetched: 100 })
  })
  it("never turns back when an event comes late", () => {
    const s = [sync("applying", { fetched: 300 }), sync("transactions", { fetched: 200 })].reduce(
      reduce,
      quiet,
    )
    expect(s.sync.c1).toMatchObject({ phase: "applying", fetched: 300 })
  })
  it("begins anew with another run", () => {
    const s = [sync("done", { fetched: 300 }), sync("accounts", { run: "r2" })].reduce(reduce, quiet)
    expect(s.sync.c1).toMatchObject({ run: "r2", phase: "accounts", fetched: 0 })
  })
  it("ignores what it doesn't understand", () => {
    expect(reduce(quiet, sync("levitating"))).toBe(quiet)
    expect(parse("gossip", "{}")).toBeUndefined()
    expect(parse("sync", "{not json")).toBeUndefined()
    expect(parse("wealth", "")).toEqual({ topic: "wealth", data: {} })
  })
  it("refetches what an event is about, and nothing for mere progress", () => {
    expect(staleKeys(sync("transactions"))).toEqual([])
    expect(staleKeys(sync("done"))).toContainEqual(["dashboard"])
    expect(staleKeys({ topic: "wealth", data: {} })).toContainEqual(["accounts"])
  })
  it("gathers a burst into one refetch, and catches up after a gap", () => {
    vi.useFakeTimers()
    const invalidateQueries = vi.fn(async () => undefined)
    const live = new Live({ invalidateQueries }, async () => true)
    live.receive({ topic: "hello", data: {} })
    for (let i = 0; i < 20; i++) live.receive({ topic: "wealth", data: {} })
    vi.advanceTimersByTime(300)
    expect(invalidateQueries).toHaveBeenCalledTimes(3) // dashboard, wealth, accounts
    invalidateQueries.mockClear()
    live.lost()
    live.receive({ topic: "hello", data: {} })
    vi.advanceTimersByTime(300)
    expect(invalidateQueries).not.toHaveBeenCalled() // not so soon again
    vi.advanceTimersByTime(3000)
    expect(invalidateQueries.mock.calls.length).toBeGreaterThan(3)
    vi.useRealTimers()
  })
})

describe("problems", () => {
  it("become one kind of error with fields and a request id", () => {
    const e = toApiError(422, {
      detail: "Look again.",
      code: "weak_password",
      errors: [{ where: "body.password", message: "Too short." }],
      instance: "req_1",
    })
    expect(e).toMatchObject({
      kind: "invalid",
      code: "weak_password",
      requestId: "req_1",
      message: "Look again.",
    })
    expect(e.field("password")).toBe("Too short.")
  })
  it("stay readable when the answer is no problem document", () => {
    expect(toApiError(500, "<html>").message).toContain("our side")
    expect(toApiError(503, undefined).kind).toBe("unavailable")
  })
})

describe("the client", () => {
  it("refreshes once for many calls and repeats them", async () => {
    let fresh = false
    const { calls } = serve({
      "GET /api/accounts": () => (fresh ? { accounts: [] } : denied()),
      "GET /api/dashboard": () => (fresh ? { accounts: [] } : denied()),
      "POST /api/auth/refresh": () => {
        fresh = true
        return { success: true }
      },
    })
    await Promise.all([ask(api.GET("/api/accounts")), ask(api.GET("/api/dashboard"))])
    expect(calls.filter((c) => c.path === "/api/auth/refresh")).toHaveLength(1)
  })
  it("reports an ended session when the refresh is refused", async () => {
    serve({ "GET /api/accounts": denied, "POST /api/auth/refresh": denied })
    await expect(ask(api.GET("/api/accounts"))).rejects.toMatchObject({ kind: "signed-out" })
  })
  it("doesn't refresh for a wrong password", async () => {
    const { calls } = serve({ "POST /api/auth/login": denied, "POST /api/auth/refresh": { success: true } })
    await expect(
      ask(api.POST("/api/auth/login", { body: { email: "a", password: "b" } })),
    ).rejects.toBeInstanceOf(ApiError)
    expect(calls).toHaveLength(1)
  })
  it("takes a wrong code for that, not for the end of the session", async () => {
    const { calls } = serve({
      "POST /api/auth/mfa/verify-setup": new Refusal(401, { code: "mfa_wrong", detail: "Wrong." }),
      "POST /api/auth/refresh": { success: true },
    })
    await expect(ask(api.POST("/api/auth/mfa/verify-setup", { body: { code: "1" } }))).rejects.toMatchObject({
      kind: "invalid",
    })
    expect(calls).toHaveLength(1)
  })
  it("says offline when nothing answers", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed to fetch")))
    await expect(ask(api.GET("/api/accounts"))).rejects.toMatchObject({ kind: "offline" })
  })
})

function denied() {
  return new Refusal(401, { code: "TOKEN_EXPIRED", detail: "Please sign in again." })
}

describe("passkeys", () => {
  it("are bound to a name, which a number isn't", () => {
    for (const host of ["127.0.0.1", "192.168.1.20", "[::1]"]) expect(openedAtANumber(host)).toBe(true)
    for (const host of ["localhost", "flint.example", "10.flint.example"])
      expect(openedAtANumber(host)).toBe(false)
  })
})
