import { screen, within } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { describe, expect, it } from "vitest"
import type { ApiKey, Factors, KnownDevice, RiskDecision, Safety, Session } from "../../api/types"
import { household, Refusal, renderAt, serve, theUser } from "../../testing/render"
import { inFours } from "./Authenticator"
import { codesFile } from "./BackupCodes"
import { deviceName } from "./Sessions"
import { standing } from "./Standing"

const off: Factors = { totp: { enabled: false, since: null }, passkeys: [], backupCodesLeft: 0 }
const on: Factors = {
  totp: { enabled: true, since: "2026-11-01T10:00:00Z" },
  passkeys: [],
  backupCodesLeft: 2,
}

function aSession(o: Partial<Session> = {}): Session {
  return {
    id: "s1",
    deviceInfo: "",
    ipAddress: "192.0.2.1",
    createdAt: "2026-11-20T10:00:00Z",
    lastUsedAt: "2026-11-20T10:00:00Z",
    isCurrent: false,
    device: { browser: "Firefox", os: "Linux" },
    place: null,
    current: false,
    ...o,
  }
}

const empty: Safety = {
  factors: off,
  sessions: { sessions: [] },
  log: { entries: [], nextCursor: null },
  keys: { keys: [], allowed: true },
  devices: { devices: [] },
  decisions: { decisions: [], nextCursor: null },
  support: { consent: null },
}

/** The page's one read, and whatever else a test lays out. */
function secure(parts: Partial<Safety> = {}, over: Record<string, unknown> = {}) {
  return serve(
    household({
      "GET /api/security": {
        ...empty,
        sessions: { sessions: [aSession(), aSession({ id: "s2", current: true, isCurrent: true })] },
        ...parts,
      },
      ...over,
    }),
  )
}

const stepUp = (methods: string[]) => {
  const r = new Refusal(403, { code: "step_up_required", detail: "Prove once more that it's you." })
  return Object.assign(r, { body: { ...r.body, methods } })
}

describe("a change that needs a fresh proof", () => {
  it("asks for it and is then made once more", async () => {
    let proven = false
    const enrolment = {
      secret: "ABCDEFGH",
      otpauthUri: "otpauth://totp/Flint?secret=ABCDEFGH",
      qrCode: "data:,",
    }
    const { calls } = secure(undefined, {
      "POST /api/auth/mfa/setup": () => (proven ? enrolment : stepUp(["password"])),
      "POST /api/auth/step-up": { success: true, level: "aal1", passwordAt: null, factorAt: null },
    })
    renderAt("/settings/security")
    await userEvent.click(await screen.findByRole("button", { name: "Set up" }))
    const dialog = await screen.findByRole("dialog", { name: "Is it you?" })
    proven = true
    await userEvent.type(within(dialog).getByLabelText("Your password"), "a quiet lantern")
    await userEvent.click(within(dialog).getByRole("button", { name: "Confirm" }))
    expect(await screen.findByRole("dialog", { name: "Set up an authenticator app" })).toHaveTextContent(
      "ABCD EFGH",
    )
    expect(calls.filter((c) => c.path === "/api/auth/mfa/setup")).toHaveLength(2)
    expect(JSON.parse(calls.find((c) => c.path === "/api/auth/step-up")?.body ?? "{}")).toEqual({
      method: "password",
      password: "a quiet lantern",
    })
  })
  it("changes nothing when the proof isn't given", async () => {
    const { calls } = secure(undefined, { "POST /api/auth/mfa/setup": stepUp(["totp", "backup_code"]) })
    renderAt("/settings/security")
    await userEvent.click(await screen.findByRole("button", { name: "Set up" }))
    const dialog = await screen.findByRole("dialog", { name: "Is it you?" })
    await userEvent.click(within(dialog).getByRole("button", { name: "Use a backup code" }))
    expect(within(dialog).getByLabelText("Backup code")).toBeInTheDocument()
    await userEvent.keyboard("{Escape}")
    expect((await screen.findAllByText(/Nothing was changed/)).length).toBeGreaterThan(0)
    expect(calls.filter((c) => c.path === "/api/auth/mfa/setup")).toHaveLength(1)
  })
})

describe("the security page", () => {
  it("says what is on and what is left, without a score", () => {
    const left = (f: Factors, u = theUser) =>
      standing(u, f)
        .filter((s) => !s.done)
        .map((s) => s.title)
    expect(left(off, { ...theUser, emailVerified: false })).toEqual([
      "Confirmed e-mail",
      "Second step",
      "Passkey",
      "Backup codes",
    ])
    expect(left(on)).toEqual(["Passkey", "Backup codes"])
    expect(left({ ...on, backupCodesLeft: 10 })).toEqual(["Passkey"])
  })
  it("warns when few backup codes are left", async () => {
    secure({ factors: on })
    renderAt("/settings/security")
    expect(await screen.findByText("only 2 left")).toBeInTheDocument()
    expect(screen.getByRole("button", { name: "Switch off" })).toBeInTheDocument()
  })
  it("lists this device first and offers to sign out the others alone", async () => {
    secure()
    renderAt("/settings/security")
    const [here, there] = (await screen.findAllByText("Firefox on Linux")).map((e) => e.closest("li"))
    expect(here).toHaveTextContent("this device")
    expect(within(here as HTMLElement).queryByRole("button")).toBeNull()
    expect(
      within(there as HTMLElement).getByRole("button", { name: "Sign out Firefox on Linux" }),
    ).toBeEnabled()
  })
  it("reads all of it at once, and anew what was changed", async () => {
    const { calls } = secure(
      { sessions: { sessions: [aSession()] } },
      { "DELETE /api/auth/sessions/s1": { message: "Done." } },
    )
    renderAt("/settings/security")
    await userEvent.click(await screen.findByRole("button", { name: "Sign out Firefox on Linux" }))
    await screen.findAllByText("Done.")
    const reads = calls.filter((c) => c.method === "GET").map((c) => c.path)
    expect(reads.filter((p) => p === "/api/security")).toHaveLength(2)
    expect(reads.filter((p) => /api\/(auth\/(mfa|sessions|devices)|keys|security\/)/.test(p))).toEqual([])
  })
  it("says what failed, and how to try again", async () => {
    let broken = true
    const refusal = new Refusal(500, { code: "internal", detail: "Something broke." })
    const parts = { factors: on, sessions: { sessions: [aSession()] } }
    secure(undefined, { "GET /api/security": () => (broken ? refusal : { ...empty, ...parts }) })
    renderAt("/settings/security")
    expect(await screen.findByText("We couldn’t load your devices.")).toBeInTheDocument()
    broken = false
    const card = screen.getByRole("region", { name: "Where you’re signed in" })
    await userEvent.click(within(card).getByRole("button", { name: "Try again" }))
    expect(await within(card).findByText("Firefox on Linux")).toBeInTheDocument()
  })
})

function aKey(o: Partial<ApiKey> = {}): ApiKey {
  return {
    id: "k1",
    name: "Household sheet",
    prefix: "flint_key_a1B2c3",
    scope: "data:read",
    createdAt: new Date().toISOString(),
    expiresAt: new Date(Date.now() + 90 * 86_400_000).toISOString(),
    lastUsedAt: null,
    lastAddress: "",
    ...o,
  }
}

describe("devices we know", () => {
  const laptop: KnownDevice = {
    id: "d1",
    name: "Safari on macOS",
    browser: "Safari",
    os: "macOS",
    createdAt: "2026-11-01T10:00:00Z",
    lastUsedAt: new Date().toISOString(),
    lastPlace: "France",
    current: true,
    trusted: false,
    named: false,
  }
  it("can be trusted where one sits, and forgotten elsewhere", async () => {
    const devices = { devices: [{ ...laptop, id: "d2", name: "Old phone", current: false }, laptop] }
    const { calls } = secure(
      { devices },
      {
        "POST /api/auth/devices/trust": { success: true, message: "This device is trusted." },
        "DELETE /api/auth/devices/d2": { success: true, message: "That device is forgotten." },
      },
    )
    renderAt("/settings/security")
    const list = await screen.findByRole("list", { name: "Devices we know" })
    const [here, there] = within(list).getAllByRole("listitem")
    expect(here).toHaveTextContent("Safari on macOSthis device")
    expect(here).toHaveTextContent("France")
    await userEvent.click(within(here as HTMLElement).getByRole("button", { name: "Trust it" }))
    expect(JSON.parse(calls.find((c) => c.path.endsWith("/trust"))?.body ?? "{}")).toEqual({ trusted: true })
    await userEvent.click(within(there as HTMLElement).getByRole("button", { name: "Forget Old phone" }))
    const sure = await screen.findByRole("alertdialog", { name: "Forget Old phone?" })
    await userEvent.click(within(sure).getByRole("button", { name: "Forget it" }))
    expect(calls.some((c) => c.method === "DELETE" && c.path === "/api/auth/devices/d2")).toBe(true)
  })
})

describe("why we asked", () => {
  it("gives the reasons in words, and leaves out who was let in as they are", async () => {
    const decision: RiskDecision = {
      id: "r1",
      at: new Date().toISOString(),
      action: "password",
      outcome: "verify_email",
      score: 60,
      place: { country: "BR", name: "Brazil" },
      device: "Chrome on Windows",
      address: "192.0.2.9",
      begun: false,
      reasons: [
        { signal: "new_country", weight: 40, says: "It came from a country that you never signed in from." },
      ],
    }
    secure({
      decisions: {
        decisions: [decision, { ...decision, id: "r2", outcome: "allow", reasons: [] }],
        nextCursor: null,
      },
    })
    renderAt("/settings/security")
    const list = await screen.findByRole("list", { name: "Why we asked" })
    expect(within(list).getByText(/a country that you never signed in from/)).toBeInTheDocument()
    expect(list).toHaveTextContent("Mailed a code")
    expect(list).toHaveTextContent("Brazil")
    expect(list).not.toHaveTextContent("Let in")
  })
  it("offers earlier ones where nothing stood out of late", async () => {
    secure({ decisions: { decisions: [], nextCursor: "r9" } })
    renderAt("/settings/security")
    expect(await screen.findByText("Nothing stood out among the latest sign-ins.")).toBeInTheDocument()
    expect(screen.queryByText("Nothing stood out")).toBeNull()
  })
})

describe("API keys", () => {
  it("are shown once, when they are made", async () => {
    const key = `flint_key_${"x".repeat(43)}`
    const { calls } = secure(undefined, { "POST /api/keys": { key, apiKey: aKey() } })
    renderAt("/settings/security")
    await userEvent.click(await screen.findByRole("button", { name: "Make a key" }))
    const dialog = await screen.findByRole("dialog", { name: "Make an API key" })
    await userEvent.type(within(dialog).getByLabelText("What it is for"), "Household sheet")
    await userEvent.selectOptions(within(dialog).getByLabelText("It works for"), "30 days")
    await userEvent.click(within(dialog).getByRole("button", { name: "Make the key" }))
    expect(await within(dialog).findByText(key)).toBeInTheDocument()
    const sent = calls.find((c) => c.method === "POST" && c.path === "/api/keys")
    expect(JSON.parse(sent?.body ?? "{}")).toEqual({ name: "Household sheet", expiresInDays: 30 })
    await userEvent.click(within(dialog).getByRole("button", { name: "I’ve kept it" }))
    expect(screen.queryByText(key)).toBeNull()
  })
  it("say where they were used last, and are revoked after a question", async () => {
    const keys = [aKey({ lastUsedAt: new Date().toISOString(), lastAddress: "192.0.2.7" })]
    const { calls } = secure({ keys: { keys, allowed: true } }, { "DELETE /api/keys/k1": {} })
    renderAt("/settings/security")
    expect((await screen.findByText(/flint_key_a1B2c3/)).closest("li")).toHaveTextContent(
      "used just now from 192.0.2.7",
    )
    await userEvent.click(screen.getByRole("button", { name: "Revoke Household sheet" }))
    const sure = await screen.findByRole("alertdialog", { name: "Revoke “Household sheet”?" })
    expect(calls.some((c) => c.method === "DELETE")).toBe(false)
    await userEvent.click(within(sure).getByRole("button", { name: "Revoke the key" }))
    expect((await screen.findAllByText(/works no more/)).length).toBeGreaterThan(0)
  })
  it("are explained, without a dead button, on a plan that has none", async () => {
    secure({ keys: { keys: [], allowed: false } })
    renderAt("/settings/security")
    expect(await screen.findByText(/come with the Pro and Premium plans/)).toBeInTheDocument()
    expect(screen.queryByRole("button", { name: "Make a key" })).toBeNull()
  })
})

describe("what people read off", () => {
  it("is in groups they can type, and a file that explains itself", () => {
    expect(inFours("ABCDEFGHIJ")).toBe("ABCD EFGH IJ")
    expect(codesFile(["aa-bb"])).toMatch(/works once.*\naa-bb\n$/s)
    expect(deviceName({ device: { browser: "", os: "" } })).toBe("An unknown device")
    expect(deviceName({ device: { browser: "", os: "Windows" } })).toBe("A browser on Windows")
  })
})
