import { screen, within } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { afterEach, describe, expect, it } from "vitest"
import { nameLook } from "../../api/looking"
import { anAccount, household, Refusal, renderAt, serve, theUser } from "../../testing/render"

const until = new Date(Date.now() + 3_600_000).toISOString()
const look = { id: "l1", until }
const quiet = { consent: { createdAt: until, until, inUse: null } }
const inUse = { consent: { createdAt: until, until, inUse: { by: "Grace", until } } }

afterEach(() => sessionStorage.clear())

describe("leave for support to look", () => {
  it("is given for some hours, by a code that is shown once", async () => {
    let given = false
    const { calls } = serve(
      household({
        "GET /api/notices": () => ({ support: given ? quiet : { consent: null }, deletion: null }),
        "POST /api/support/consent": () => {
          given = true
          return { code: "AB12-CD34-EF56", until }
        },
        "DELETE /api/support/consent": {},
      }),
    )
    renderAt("/settings/security")
    await userEvent.click(await screen.findByRole("button", { name: "Let support look" }))
    const dialog = await screen.findByRole("dialog", { name: "Let support look" })
    await userEvent.selectOptions(within(dialog).getByLabelText("For how long"), "Four hours")
    await userEvent.click(within(dialog).getByRole("button", { name: "Make a code" }))
    expect(await within(dialog).findByText("AB12-CD34-EF56")).toBeInTheDocument()
    const sent = calls.find((c) => c.method === "POST" && c.path === "/api/support/consent")
    expect(JSON.parse(sent?.body ?? "{}")).toEqual({ hours: 4 })
    await userEvent.click(within(dialog).getByRole("button", { name: "Done" }))
    await userEvent.click(await screen.findByRole("button", { name: "Take it back" }))
    expect((await screen.findAllByText("Support can’t look any more.")).length).toBeGreaterThan(0)
    expect(calls.some((c) => c.method === "DELETE" && c.path === "/api/support/consent")).toBe(true)
  })
  it("stands above every page while it is used, with a way to stop it", async () => {
    const { calls } = serve(
      household({
        "GET /api/notices": { support: inUse, deletion: null },
        "DELETE /api/support/consent": {},
      }),
    )
    renderAt("/accounts")
    expect(await screen.findByText(/Grace of Flint’s support is looking at your data/)).toBeInTheDocument()
    await userEvent.click(screen.getByRole("button", { name: "Stop it" }))
    expect(calls.some((c) => c.method === "DELETE" && c.path === "/api/support/consent")).toBe(true)
  })
})

describe("support looking", () => {
  it("names the look where it is about the person, and nowhere else", () => {
    sessionStorage.setItem("flint-look", JSON.stringify(look))
    const named = (path: string) => {
      const request = new Request(new URL(path, location.origin))
      nameLook(request)
      return request.headers.get("X-Flint-Support")
    }
    expect(named("/api/dashboard")).toBe("l1")
    expect(named("/api/auth/user")).toBe("l1")
    for (const path of [
      "/api/admin/support/sessions/l1",
      "/api/auth/refresh",
      "/api/auth/step-up",
      "/api/app",
    ])
      expect(named(path)).toBeNull()
  })
  it("says at whom, and offers no change", async () => {
    sessionStorage.setItem("flint-look", JSON.stringify(look))
    serve(household({ "GET /api/accounts/a1": { ...anAccount(), history: [], positions: [], cash: [] } }))
    renderAt("/accounts/a1")
    const strip = (await screen.findByText("ada@example.com", { selector: "strong" })).closest("p")
    expect(strip).toHaveTextContent(/^You are looking at ada@example.com until .* Read only.$/)
    const button = await screen.findByRole("button", { name: "Hide" })
    expect(button).toBeDisabled()
    expect(button).toHaveAttribute("title", expect.stringMatching(/can change nothing/))
  })
  it("doesn't see how somebody signs in", async () => {
    sessionStorage.setItem("flint-look", JSON.stringify(look))
    const { calls } = serve(household())
    renderAt("/settings/security")
    expect(await screen.findByText("This stays with its owner")).toBeInTheDocument()
    expect(calls.some((c) => c.path === "/api/security")).toBe(false)
  })
  it("is for staff alone", async () => {
    serve(household())
    renderAt("/admin/support")
    expect(await screen.findByText("There’s nothing at this address")).toBeInTheDocument()
  })
  it("says when the code is wrong", async () => {
    serve(
      household({
        "GET /api/auth/user": { ...theUser, role: "admin" },
        "POST /api/admin/support/sessions": new Refusal(403, {
          code: "support_code_invalid",
          detail: "This code doesn't work, or doesn't any more.",
        }),
      }),
    )
    renderAt("/admin/support")
    await userEvent.type(await screen.findByLabelText("Their code"), "AAAA")
    await userEvent.type(screen.getByLabelText("Why"), "Ticket 12")
    await userEvent.click(screen.getByRole("button", { name: "Begin to look" }))
    expect(await screen.findByRole("alert")).toHaveTextContent("doesn't work")
  })
})
