import { render, screen } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { describe, expect, it } from "vitest"
import { Refusal, serve, theApp } from "../testing/render"
import { Auth } from "./Auth"
import { destination } from "./destination"

describe("signing in", () => {
  it("says when the password is wrong, and keeps the form", async () => {
    serve({
      "GET /api/app": theApp,
      "POST /api/auth/login": new Refusal(401, {
        code: "bad_credentials",
        detail: "That e-mail and password don’t match.",
      }),
    })
    render(<Auth path="/signin" />)
    await userEvent.type(screen.getByLabelText("E-mail"), "ada@example.com")
    await userEvent.type(screen.getByLabelText("Password"), "nope nope")
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }))
    expect(await screen.findByRole("alert")).toHaveTextContent("don’t match")
    expect(screen.getByLabelText("E-mail")).toHaveValue("ada@example.com")
  })
  it("comes back to where it was asked for", () => {
    expect(destination("?next=%2Ftransactions%3Fq%3Da")).toBe("/transactions?q=a")
    expect(destination("?next=//evil.example")).toBe("/")
  })
})

describe("the second step", () => {
  const asked = (methods: string[]) => {
    const r = new Refusal(401, { code: "mfa_required", detail: "Now the second step." })
    return Object.assign(r, { body: { ...r.body, mfaRequired: true, challenge: "ch_1", methods } })
  }
  const typePassword = async () => {
    await userEvent.type(screen.getByLabelText("E-mail"), "ada@example.com")
    await userEvent.type(screen.getByLabelText("Password"), "a quiet lantern")
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }))
  }
  it("asks for a code, says when it is wrong, and takes a backup code instead", async () => {
    const { calls } = serve({
      "GET /api/app": theApp,
      "POST /api/auth/login": asked(["totp", "backup_code"]),
      "POST /api/auth/mfa/challenge": new Refusal(401, {
        code: "mfa_wrong",
        detail: "That code isn't right.",
      }),
    })
    render(<Auth path="/signin" />)
    await typePassword()
    const code = await screen.findByLabelText("Six-digit code")
    expect(code).toHaveAttribute("autocomplete", "one-time-code")
    await userEvent.type(code, "123 456")
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }))
    expect(await screen.findByRole("alert")).toHaveTextContent("isn't right")
    expect(JSON.parse(calls.at(-1)?.body ?? "{}")).toEqual({ challenge: "ch_1", code: "123456" })
    expect(calls.some((c) => c.path === "/api/auth/refresh")).toBe(false)
    await userEvent.click(screen.getByRole("button", { name: "Use a backup code" }))
    await userEvent.type(screen.getByLabelText("Backup code"), "abcd-efgh")
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }))
    await screen.findByRole("alert")
    expect(JSON.parse(calls.at(-1)?.body ?? "{}")).toEqual({ challenge: "ch_1", backupCode: "abcd-efgh" })
  })
  it("begins anew when it took too long", async () => {
    serve({
      "GET /api/app": theApp,
      "POST /api/auth/login": asked(["totp", "backup_code"]),
      "POST /api/auth/mfa/challenge": new Refusal(410, { code: "challenge_over", detail: "Too long." }),
    })
    render(<Auth path="/signin" />)
    await typePassword()
    await userEvent.type(await screen.findByLabelText("Six-digit code"), "123456")
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }))
    await userEvent.click(await screen.findByRole("button", { name: "Sign in again" }))
    expect(screen.getByLabelText("Password")).toBeInTheDocument()
  })
  it("is asked for after a mailed link too", async () => {
    serve({ "GET /api/app": theApp, "POST /api/auth/link": asked(["totp"]) })
    render(<Auth path="/signin/link" />)
    expect(await screen.findByLabelText("Six-digit code")).toBeInTheDocument()
  })
})

describe("a lost second step", () => {
  it("is removed in three days, which the page says before it begins", async () => {
    const asked = new Refusal(401, { code: "mfa_required", detail: "Now the second step." })
    Object.assign(asked.body, { challenge: "ch_1", methods: ["totp"] })
    const { calls } = serve({
      "GET /api/app": theApp,
      "POST /api/auth/link": asked,
      "POST /api/auth/mfa/recover": { success: true, message: "We have sent you a mail.", until: "" },
    })
    render(<Auth path="/signin/link" />)
    await userEvent.click(await screen.findByRole("button", { name: "None of them works" }))
    expect(await screen.findByText(/it takes three days/)).toBeInTheDocument()
    expect(calls.some((c) => c.path.endsWith("recover"))).toBe(false)
    await userEvent.click(screen.getByRole("button", { name: "Begin the three days" }))
    expect(await screen.findByRole("heading", { name: "We’ve written to you" })).toBeInTheDocument()
    expect(JSON.parse(calls.at(-1)?.body ?? "{}")).toEqual({ challenge: "ch_1" })
  })
})

describe("a sign-in that looks unlike its owner", () => {
  const held = () => {
    const r = new Refusal(401, { code: "verification_required", detail: "Look in your inbox." })
    return Object.assign(r, { body: { ...r.body, challenge: "vc_1" } })
  }
  it("waits for the mailed code, also after the second step", async () => {
    const asked = new Refusal(401, { code: "mfa_required", detail: "Now the second step." })
    Object.assign(asked.body, { challenge: "ch_1", methods: ["totp"] })
    const { calls } = serve({
      "GET /api/app": theApp,
      "POST /api/auth/link": asked,
      "POST /api/auth/mfa/challenge": held(),
      "POST /api/auth/verify-sign-in": new Refusal(401, {
        code: "verification_wrong",
        detail: "That code isn't right.",
      }),
    })
    render(<Auth path="/signin/link" />)
    await userEvent.type(await screen.findByLabelText("Six-digit code"), "123456")
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }))
    const code = await screen.findByLabelText("Code from the mail")
    await userEvent.type(code, "654 321")
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }))
    expect(await screen.findByRole("alert")).toHaveTextContent("isn't right")
    expect(JSON.parse(calls.at(-1)?.body ?? "{}")).toEqual({ challenge: "vc_1", code: "654321" })
    expect(calls.some((c) => c.path === "/api/auth/refresh")).toBe(false)
  })
})

describe("a mailed link", () => {
  it.each([
    ["/undo-email-change", "Undo the change"],
    ["/undo-deletion", "Keep my account"],
    ["/stop-recovery", "Stop the removal"],
    ["/finish-recovery", "Remove it"],
  ])("does nothing at %s before somebody says so", async (path, action) => {
    const { calls } = serve({ "GET /api/app": theApp })
    render(<Auth path={path} />)
    await screen.findByRole("button", { name: action })
    expect(calls.some((c) => c.method === "POST")).toBe(false)
  })
})

const terms = {
  document: "terms",
  version: "2026-11-23",
  title: "Terms of use",
  summary: "What you may expect.",
  text: "# Terms of use\n\nThey are **short**.\n\n## When it ends\n- You can leave.\n",
}

describe("signing up", () => {
  const fill = async () => {
    await userEvent.type(await screen.findByLabelText("First name"), "Ada")
    await userEvent.type(screen.getByLabelText("E-mail"), "ada@example.com")
    await userEvent.type(screen.getByLabelText("Password"), "correct horse battery")
    await userEvent.click(screen.getByRole("button", { name: "Create account" }))
  }
  it("puts the server's words under the field they are about", async () => {
    serve({
      "GET /api/app": theApp,
      "GET /api/privacy/documents/terms": terms,
      "POST /api/auth/public-register": () => {
        const r = new Refusal(422, { code: "weak_password", detail: "Look again." })
        Object.assign(r.body, {
          errors: [{ where: "body.password", message: "This password is well known." }],
        })
        return r
      },
    })
    render(<Auth path="/signup" />)
    await userEvent.type(await screen.findByLabelText("First name"), "Ada")
    await userEvent.type(screen.getByLabelText("E-mail"), "ada@example.com")
    await userEvent.type(screen.getByLabelText("Password"), "password1")
    await userEvent.click(screen.getByRole("button", { name: "Create account" }))
    expect(await screen.findByText("This password is well known.")).toBeInTheDocument()
    expect(screen.getByLabelText("Password")).toBeInvalid()
  })
  it("says how hard the password is to guess for who knows the person", async () => {
    const { calls } = serve({
      "GET /api/app": theApp,
      "POST /api/auth/password-strength": {
        score: 1,
        acceptable: false,
        message: "It is little more than your own name or address.",
      },
    })
    render(<Auth path="/signup" />)
    await userEvent.type(await screen.findByLabelText("First name"), "Ada")
    await userEvent.type(screen.getByLabelText("E-mail"), "ada@example.com")
    await userEvent.type(screen.getByLabelText("Password"), "adaada12")
    expect(await screen.findByText("It is little more than your own name or address.")).toBeInTheDocument()
    const asked = calls.filter((c) => c.path === "/api/auth/password-strength")
    expect(JSON.parse(asked.at(-1)?.body ?? "{}")).toEqual({
      password: "adaada12",
      words: ["Ada", "ada@example.com"],
    })
  })
  it("says what one accepts, sends which version that is, and leads to the inbox", async () => {
    const { calls } = serve({
      "GET /api/app": theApp,
      "GET /api/privacy/documents/terms": terms,
      "POST /api/auth/public-register": { success: true, message: "Almost done." },
    })
    render(<Auth path="/signup" />)
    expect(await screen.findByText(/^By creating an account you accept/)).toBeInTheDocument()
    for (const [name, href] of [
      ["terms of use", "/legal/terms"],
      ["privacy notice", "/legal/privacy"],
      ["what Flint is not", "/legal/general"],
    ] as const) {
      const link = screen.getByRole("link", { name: new RegExp(`^${name}.*opens a new tab`) })
      expect(link).toHaveAttribute("href", href)
      expect(link).toHaveAttribute("target", "_blank")
    }
    await fill()
    expect(await screen.findByRole("heading", { name: "Look in your inbox" })).toBeInTheDocument()
    const sent = calls.find((c) => c.path === "/api/auth/public-register")
    expect(JSON.parse(sent?.body ?? "{}")).toMatchObject({ acceptedTerms: "2026-11-23" })
    expect(calls.filter((c) => c.path.startsWith("/api/privacy"))).toHaveLength(1)
  })
  it("asks to read terms that changed meanwhile, and accepts those the next time", async () => {
    let version = "2026-11-23"
    const { calls } = serve({
      "GET /api/app": theApp,
      "GET /api/privacy/documents/terms": () => ({ ...terms, version }),
      "POST /api/auth/public-register": () => {
        if (version === "2027-01-01") return { success: true, message: "Almost done." }
        version = "2027-01-01"
        return new Refusal(409, { code: "not_current", detail: "There is a newer version of this text." })
      },
    })
    render(<Auth path="/signup" />)
    await fill()
    expect(await screen.findByRole("alert")).toHaveTextContent("The terms changed a moment ago")
    await userEvent.click(screen.getByRole("button", { name: "Create account" }))
    expect(await screen.findByRole("heading", { name: "Look in your inbox" })).toBeInTheDocument()
    const sent = calls.filter((c) => c.path === "/api/auth/public-register")
    expect(sent.map((c) => JSON.parse(c.body).acceptedTerms)).toEqual(["2026-11-23", "2027-01-01"])
  })
  it("accepts nothing that it couldn’t name: without the version it fails, and asks for it again", async () => {
    let down = true
    const { calls } = serve({
      "GET /api/app": theApp,
      "GET /api/privacy/documents/terms": () =>
        down ? new Refusal(500, { code: "internal", detail: "Something broke." }) : terms,
      "POST /api/auth/public-register": { success: true, message: "Almost done." },
    })
    render(<Auth path="/signup" />)
    await fill()
    expect(await screen.findByRole("alert")).toHaveTextContent("Something broke.")
    expect(calls.some((c) => c.path === "/api/auth/public-register")).toBe(false)
    down = false
    await userEvent.click(screen.getByRole("button", { name: "Create account" }))
    expect(await screen.findByRole("heading", { name: "Look in your inbox" })).toBeInTheDocument()
  })
})

describe("our texts", () => {
  it("are read by everybody", async () => {
    serve({ "GET /api/privacy/documents/terms": terms })
    render(<Auth path="/legal/terms/" />)
    expect(await screen.findByRole("heading", { name: "Terms of use", level: 1 })).toBeInTheDocument()
    expect(screen.getByText(/In force since/)).toHaveTextContent("Nov 23, 2026")
    expect(screen.getByRole("heading", { name: "When it ends", level: 2 })).toBeInTheDocument()
    expect(screen.getByText("short").tagName).toBe("STRONG")
    expect(screen.getByRole("link", { name: "Terms of use" })).toHaveAttribute("aria-current", "page")
    expect(screen.getByRole("link", { name: "Privacy notice" })).toHaveAttribute("href", "/legal/privacy")
  })
  it("that aren't there, say so", async () => {
    serve({
      "GET /api/privacy/documents/cookies": new Refusal(404, { code: "not_found", detail: "Nothing here." }),
    })
    render(<Auth path="/legal/cookies" />)
    expect(await screen.findByRole("heading", { name: "There’s no such text" })).toBeInTheDocument()
  })
  it("can be asked for again when they fail", async () => {
    let down = true
    serve({
      "GET /api/privacy/documents/terms": () =>
        down ? new Refusal(500, { code: "internal", detail: "Something broke." }) : terms,
    })
    render(<Auth path="/legal/terms" />)
    expect(await screen.findByRole("alert")).toHaveTextContent("Something broke.")
    down = false
    await userEvent.click(screen.getByRole("button", { name: "Try again" }))
    expect(await screen.findByRole("heading", { name: "Terms of use", level: 1 })).toBeInTheDocument()
  })
})

describe("confirming an address", () => {
  it("offers a new mail when the link is too old", async () => {
    serve({
      "GET /api/app": theApp,
      "POST /api/auth/verify-email": new Refusal(410, {
        code: "token_expired",
        detail: "This link is too old.",
      }),
    })
    render(<Auth path="/verify" />)
    expect(await screen.findByText("This link is too old.")).toBeInTheDocument()
    expect(screen.getByRole("button", { name: "Send me a new link" })).toBeInTheDocument()
  })
})

describe("a forgotten password", () => {
  it("is answered the same for every address", async () => {
    serve({
      "GET /api/app": theApp,
      "POST /api/auth/request-reset": { success: true, message: "If we know it, a mail is on its way." },
    })
    render(<Auth path="/forgot" />)
    await userEvent.type(await screen.findByLabelText("E-mail"), "ada@example.com")
    await userEvent.click(screen.getByRole("button", { name: "Send me a link" }))
    expect(await screen.findByRole("status")).toHaveTextContent("on its way")
  })
  it.each(["/reset", "/setup-password"])("can't be chosen at %s without the mailed token", async (path) => {
    serve({ "GET /api/app": theApp })
    render(<Auth path={path} />)
    expect(await screen.findByRole("heading", { name: "This link is incomplete" })).toBeInTheDocument()
  })
})
