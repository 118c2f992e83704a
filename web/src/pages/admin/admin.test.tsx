import { screen, waitFor, within } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { describe, expect, it } from "vitest"
import type { JudgedSignIn, Screening, StaffAccountDetail } from "../../api/types"
import { household, Refusal, renderAt, serve, theUser } from "../../testing/render"
import { score } from "./Screening"

const id = "01a209fa-c4d5-73f0-af10-d975f97b2e17"

const bob: StaffAccountDetail = {
  id,
  email: "bob@example.com",
  firstName: "Bob",
  lastName: "",
  held: false,
  tier: "pro",
  role: "PRO_USER",
  emailVerified: true,
  mfaEnabled: false,
  createdAt: "2026-01-05T10:00:00Z",
  bannedAt: null,
  sessions: 2,
  decisions: [],
}

const refused: JudgedSignIn = {
  id: "r1",
  at: "2026-11-20T10:00:00Z",
  action: "password",
  outcome: "block",
  score: 95,
  place: { country: "BR", name: "Brazil" },
  device: "Chrome on Windows",
  address: "192.0.2.9",
  begun: false,
  reasons: [{ signal: "new_country", weight: 40, says: "From a country never seen before." }],
  enforced: true,
  network: "AS64496",
  inputs: {
    deviceKnown: false,
    failures: { AccountHour: 3, AccountDay: 0 },
    last: "2026-11-19T10:00:00Z US",
    moon: {},
  },
  verdict: null,
  reviewedAt: null,
}

function staff(over: Record<string, unknown> = {}) {
  return serve(
    household({
      "GET /api/auth/user": { ...theUser, role: "admin" },
      "GET /api/admin/users": { users: [bob], nextCursor: null },
      [`GET /api/admin/users/${id}`]: bob,
      [`GET /api/admin/users/${id}/holds`]: { holds: [] },
      [`GET /api/admin/users/${id}/risk`]: { decisions: [refused], nextCursor: null },
      ...over,
    }),
  )
}

describe("the pages for staff", () => {
  it("are nothing to anybody else, and read nothing", async () => {
    const { calls } = serve(household())
    for (const path of ["/admin", `/admin/people/${id}`, "/admin/screening"]) {
      const { unmount } = renderAt(path)
      expect(await screen.findByText("There’s nothing at this address")).toBeInTheDocument()
      unmount()
    }
    expect(calls.some((c) => c.path.startsWith("/api/admin"))).toBe(false)
  })
  it("ask for a second step of whoever has none", async () => {
    staff({
      "GET /api/admin/users": new Refusal(403, { code: "second_factor_required", detail: "Set one up." }),
    })
    renderAt("/admin")
    await userEvent.type(await screen.findByLabelText("E-mail address or id"), "bob@example.com{Enter}")
    expect(await screen.findByText("Set up a second step first")).toBeInTheDocument()
  })
})

describe("somebody's account", () => {
  it("is found by address or id, and leads on", async () => {
    const { calls } = staff()
    const { router } = renderAt("/admin")
    expect(calls.some((c) => c.path === "/api/admin/users")).toBe(false)
    const box = await screen.findByLabelText("E-mail address or id")
    await userEvent.clear(box)
    await userEvent.type(box, "bob@example.com{Enter}")
    const found = await screen.findByRole("list", { name: "Found" })
    expect(found).toHaveTextContent("Bob")
    expect(found).toHaveTextContent("password alone")
    await userEvent.clear(box)
    await userEvent.type(box, `${id.toUpperCase()}{Enter}`)
    await waitFor(() => expect(router.state.location.pathname).toBe(`/admin/people/${id}`))
  })
  it("isn't known, says so", async () => {
    staff({ "GET /api/admin/users": { users: [], nextCursor: null } })
    renderAt("/admin")
    const box = await screen.findByLabelText("E-mail address or id")
    await userEvent.clear(box)
    await userEvent.type(box, "nobody@example.com{Enter}")
    expect(await screen.findByText("Nobody has this address")).toBeInTheDocument()
  })
  it("shows how sign-ins were judged, with the weights", async () => {
    staff()
    renderAt(`/admin/people/${id}`)
    const list = await screen.findByRole("list", { name: "How sign-ins were judged" })
    expect(list).toHaveTextContent("Refused score 95")
    expect(list).toHaveTextContent("From a country never seen before. (+40)")
    const from = within(list)
      .getByText(/^What it was counted from/)
      .closest("details")
    expect(from).toHaveTextContent("NetworkAS64496")
    expect(from).toHaveTextContent("Known deviceno")
    expect(from).toHaveTextContent("Wrong tries3 for this account in an hour")
    expect(from).toHaveTextContent(/Sign-in before.*Nov 19.*, US/)
    expect(from).toHaveTextContent("moonnone")
  })
  it("shows earlier sign-ins page by page, and says when there is none", async () => {
    const { calls } = staff({
      [`GET /api/admin/users/${id}/risk`]: (r: Request) =>
        r.url.includes("cursor=r1")
          ? { decisions: [{ ...refused, id: "r2", outcome: "allow", enforced: false }], nextCursor: null }
          : { decisions: [refused], nextCursor: "r1" },
    })
    const { unmount } = renderAt(`/admin/people/${id}`)
    await userEvent.click(await screen.findByRole("button", { name: "Show earlier" }))
    expect(await screen.findByText("only watched")).toBeInTheDocument()
    expect(screen.queryByRole("button", { name: "Show earlier" })).toBeNull()
    expect(calls.filter((c) => c.path.endsWith("/risk"))).toHaveLength(2)
    unmount()
    staff({ [`GET /api/admin/users/${id}/risk`]: { decisions: [], nextCursor: null } })
    renderAt(`/admin/people/${id}`)
    expect(await screen.findByText("No sign-ins")).toBeInTheDocument()
  })
  it("says alone that its sign-ins couldn't be read", async () => {
    const broken = new Refusal(500, { code: "internal", detail: "Something broke." })
    staff({ [`GET /api/admin/users/${id}/risk`]: broken })
    renderAt(`/admin/people/${id}`)
    expect(await screen.findByText("We couldn’t load how sign-ins were judged.")).toBeInTheDocument()
    expect(screen.getByText("bob@example.com")).toBeInTheDocument()
  })
  it("is told who a judged sign-in was: a thief ends every session, after a question", async () => {
    let verdict: "owner" | "thief" | null = null
    const { calls } = staff({
      [`GET /api/admin/users/${id}/risk`]: () => ({
        decisions: [{ ...refused, verdict, reviewedAt: verdict && "2026-11-21T10:00:00Z" }],
        nextCursor: null,
      }),
      [`POST /api/admin/users/${id}/risk/r1/review`]: async (r: Request) => {
        verdict = (await r.clone().json()).verdict
        return { ended: verdict === "thief" ? 2 : 0 }
      },
    })
    renderAt(`/admin/people/${id}`)
    await userEvent.click(await screen.findByRole("button", { name: /^Was the owner: Refused, / }))
    const mild = await screen.findByRole("dialog", { name: "This was the owner?" })
    await userEvent.type(within(mild).getByLabelText("Why"), "They called from Brazil")
    await userEvent.click(within(mild).getByRole("button", { name: "Was the owner" }))
    expect(await screen.findByText("was the owner")).toBeInTheDocument()
    expect(screen.getByText(/^Looked at/)).toBeInTheDocument()
    expect(screen.queryByRole("button", { name: /^Was the owner:/ })).toBeNull()

    await userEvent.click(screen.getByRole("button", { name: /^Was a thief: Refused, / }))
    const hard = await screen.findByRole("dialog", { name: "This was a thief?" })
    expect(hard).toHaveTextContent("Every session of theirs ends")
    expect(calls.filter((c) => c.method === "POST")).toHaveLength(1)
    await userEvent.type(within(hard).getByLabelText("Why"), "Ticket 9: it wasn't them")
    await userEvent.click(within(hard).getByRole("button", { name: "Was a thief: end every session" }))
    expect(await screen.findByText("was a thief")).toBeInTheDocument()
    expect((await screen.findAllByText(/2 sessions were ended/)).length).toBeGreaterThan(0)
    expect(calls.filter((c) => c.method === "POST").map((c) => JSON.parse(c.body))).toEqual([
      { verdict: "owner", reason: "They called from Brazil" },
      { verdict: "thief", reason: "Ticket 9: it wasn't them" },
    ])
  })
  it("is closed for a reason on one line, after one proof for all that needs it", async () => {
    let proven = false
    const refusal = new Refusal(403, { code: "step_up_required", detail: "Prove it." })
    Object.assign(refusal.body, { methods: ["totp"] })
    const { calls } = staff({
      [`GET /api/admin/users/${id}`]: () => (proven ? bob : refusal),
      [`GET /api/admin/users/${id}/holds`]: () => (proven ? { holds: [] } : refusal),
      "POST /api/auth/step-up": () => {
        proven = true
        return { success: true }
      },
      [`POST /api/admin/users/${id}/ban`]: {},
    })
    renderAt(`/admin/people/${id}`)
    const proof = await screen.findByRole("dialog", { name: "Is it you?" })
    await userEvent.type(within(proof).getByLabelText("Code of your authenticator app"), "123456")
    await userEvent.click(within(proof).getByRole("button", { name: "Confirm" }))
    await userEvent.click(await screen.findByRole("button", { name: "Close the account" }))
    const dialog = await screen.findByRole("dialog", { name: "Close Bob’s account?" })
    await userEvent.type(within(dialog).getByLabelText("Why"), "Ticket 7:{Enter}stolen")
    await userEvent.click(within(dialog).getByRole("button", { name: "Close the account" }))
    expect((await screen.findAllByText("The account is closed.")).length).toBeGreaterThan(0)
    const sent = calls.find((c) => c.path.endsWith("/ban"))
    expect(JSON.parse(sent?.body ?? "{}")).toEqual({ reason: "Ticket 7: stolen" })
    expect(calls.filter((c) => c.path === "/api/auth/step-up")).toHaveLength(1)
  })
  it("is held and let go", async () => {
    let holds: unknown[] = []
    const hold = { id: "h1", reason: "Court order 5", createdAt: "2026-11-01T10:00:00Z", createdBy: "Ada" }
    const { calls } = staff({
      [`GET /api/admin/users/${id}/holds`]: () => ({ holds }),
      [`POST /api/admin/users/${id}/holds`]: () => {
        holds = [{ ...hold, endedAt: null }]
        return holds[0]
      },
      [`POST /api/admin/users/${id}/holds/h1/end`]: () => {
        holds = [{ ...hold, endedAt: new Date().toISOString() }]
        return holds[0]
      },
    })
    renderAt(`/admin/people/${id}`)
    await userEvent.click(await screen.findByRole("button", { name: "Place a hold" }))
    const place = await screen.findByRole("dialog", { name: "Place a legal hold" })
    await userEvent.type(within(place).getByLabelText("Why"), "Court order 5")
    await userEvent.click(within(place).getByRole("button", { name: "Place the hold" }))
    await userEvent.click(await screen.findByRole("button", { name: "End it" }))
    const end = await screen.findByRole("dialog", { name: "End this legal hold?" })
    await userEvent.type(within(end).getByLabelText("Why"), "It is lifted")
    await userEvent.click(within(end).getByRole("button", { name: "End the hold" }))
    expect(await screen.findByText("ended")).toBeInTheDocument()
    expect(calls.filter((c) => c.method === "POST").map((c) => c.path)).toEqual([
      `/api/admin/users/${id}/holds`,
      `/api/admin/users/${id}/holds/h1/end`,
    ])
  })
  it("that is gone, says so", async () => {
    staff({
      [`GET /api/admin/users/${id}`]: new Refusal(404, { code: "not_found", detail: "Nothing here." }),
    })
    renderAt(`/admin/people/${id}`)
    expect(await screen.findByText("There’s no such account")).toBeInTheDocument()
  })
})

describe("the screening queue", () => {
  const match: Screening = {
    id: "m1",
    userId: id,
    email: "bob@example.com",
    name: "Bob Roe",
    occasion: "registration",
    list: "sanctions",
    entry: "Robert Roe",
    entryId: "E-12",
    entryName: "Roe, Robert",
    born: "1971",
    countries: ["XX"],
    score: 0.93,
    state: "open",
    createdAt: new Date().toISOString(),
    decidedAt: null,
    decidedBy: null,
    note: "",
  }
  it("is decided with a note", async () => {
    let open = true
    const { calls } = staff({
      "GET /api/admin/screenings": () => ({ screenings: open ? [match] : [], nextCursor: null }),
      "POST /api/admin/screenings/m1/decide": () => {
        open = false
        return { ...match, state: "cleared" }
      },
    })
    renderAt("/admin/screening")
    const list = await screen.findByRole("list", { name: "Screenings" })
    expect(list).toHaveTextContent("Bob Roe is like Robert Roe")
    expect(list).toHaveTextContent("93 % alike")
    expect(list).toHaveTextContent("on the list as Roe, Robert · born 1971 · XX · entry E-12")
    await userEvent.click(within(list).getByRole("button", { name: "Bob Roe isn’t Robert Roe" }))
    const dialog = await screen.findByRole("dialog", { name: "Bob Roe isn’t Robert Roe?" })
    await userEvent.type(within(dialog).getByLabelText("Why"), "Another date of birth")
    await userEvent.click(within(dialog).getByRole("button", { name: "It isn’t them" }))
    expect(await screen.findByText("Nothing to look at")).toBeInTheDocument()
    const sent = calls.find((c) => c.path.endsWith("/decide"))
    expect(JSON.parse(sent?.body ?? "{}")).toEqual({ verdict: "clear", note: "Another date of birth" })
  })
  it("can show what was decided", async () => {
    const done = {
      ...match,
      state: "confirmed",
      decidedAt: match.createdAt,
      decidedBy: "Ada",
      note: "Same passport",
    }
    staff({
      "GET /api/admin/screenings": (r: Request) => ({
        screenings: r.url.includes("state=all") ? [done] : [],
        nextCursor: null,
      }),
    })
    renderAt("/admin/screening")
    await userEvent.click(await screen.findByRole("radio", { name: "All" }))
    const list = await screen.findByRole("list", { name: "Screenings" })
    expect(list).toHaveTextContent("confirmed")
    expect(list).toHaveTextContent("Same passport (Ada")
    expect(within(list).getAllByRole("button")).toHaveLength(1)
    expect([score(0.934), score(1)]).toEqual(["93 %", "100 %"])
  })
})
