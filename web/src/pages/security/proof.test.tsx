import { screen, within } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { describe, expect, it, vi } from "vitest"
import type { SecurityEvent } from "../../api/types"
import { household, Refusal, renderAt, serve } from "../../testing/render"
import { Unproven } from "./prove"

const proven = vi.hoisted(() => ({ verify: vi.fn(), agree: vi.fn(), readCheckpoint: vi.fn() }))
vi.mock("./prove", async (real) => ({ ...(await real<typeof import("./prove")>()), ...proven }))

const event: SecurityEvent = {
  id: "01a209fa-c59d-7984-9980-28601003ee69",
  at: new Date().toISOString(),
  event: "session.start",
  title: "Signed in",
  detail: "",
  area: "sign-in",
  by: "you",
  device: "Firefox on Linux",
  address: "192.0.2.1",
  place: null,
}

function log(over: Record<string, unknown> = {}) {
  return serve(
    household({
      "GET /api/security": {
        factors: { totp: { enabled: false, since: null }, passkeys: [], backupCodesLeft: 0 },
        sessions: { sessions: [] },
        log: { entries: [event], nextCursor: null },
        keys: { keys: [], allowed: false },
        devices: { devices: [] },
        decisions: { decisions: [], nextCursor: null },
        support: { consent: null },
      },
      [`GET /api/security/log/${event.id}/proof`]: {},
      "GET /api/audit/checkpoint": { checkpoint: "" },
      ...over,
    }),
  )
}

const check = async () => {
  renderAt("/settings/security")
  await userEvent.click(await screen.findByRole("button", { name: "Check the proof: Signed in" }))
}

describe("the proof of an entry", () => {
  it("is asked for one by one, and explained", async () => {
    const checkpoint = {
      origin: "flint.example/audit",
      size: 340,
      root: "root=",
      time: "2026-11-23T19:56:00Z",
    }
    const p = {
      index: 11,
      size: 340,
      hash: "hash=",
      steps: 9,
      checkpoint,
      note: "flint.example/audit\n340\n",
    }
    proven.verify.mockResolvedValue(p)
    const { calls } = log()
    await check()
    await userEvent.click(await screen.findByRole("button", { name: "Proven: Signed in. How?" }))
    const dialog = await screen.findByRole("dialog", { name: "This entry is in the log" })
    expect(dialog).toHaveTextContent("number 12 of 340")
    expect(dialog).toHaveTextContent("over 9 hashes")
    await userEvent.click(within(dialog).getByRole("button", { name: "Show the signed state" }))
    expect(dialog).toHaveTextContent("flint.example/audit 340")
    expect(calls.filter((c) => c.path.endsWith("/proof"))).toHaveLength(1)
  })
  it("that doesn't hold is said loudly", async () => {
    proven.verify.mockRejectedValue(new Unproven("The entry doesn’t lead to the root."))
    log()
    await check()
    const alert = await screen.findByRole("alert")
    expect(alert).toHaveTextContent("This entry couldn’t be proven")
    expect(alert).toHaveTextContent("doesn’t lead to the root")
    expect(alert).toHaveTextContent(event.id)
  })
  it("waits for an entry that is being added", async () => {
    let asked = 0
    proven.verify.mockResolvedValue({ index: 0, size: 1, hash: "h", steps: 0, checkpoint: {}, note: "" })
    log({
      [`GET /api/security/log/${event.id}/proof`]: () =>
        asked++ === 0 ? new Refusal(409, { code: "audit_not_yet", detail: "Ask again in a second." }) : {},
    })
    await check()
    expect(await screen.findByRole("button", { name: /^Proven/ })).toBeInTheDocument()
    expect(asked).toBe(2)
  })
  it("that couldn't be read says nothing about the log, and can be tried again", async () => {
    log({
      [`GET /api/security/log/${event.id}/proof`]: new Refusal(500, { code: "internal", detail: "Broke." }),
    })
    await check()
    expect(await screen.findByRole("button", { name: /^Couldn’t be checked/ })).toBeInTheDocument()
    expect(screen.queryByRole("alert")).toBeNull()
  })
})
