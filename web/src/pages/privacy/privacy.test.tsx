import { screen, waitFor, within } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { beforeEach, describe, expect, it, vi } from "vitest"
import type { DataCopy, Document } from "../../api/types"
import { left } from "../../shell/DeletionStrip"
import { household, Refusal, renderAt, serve } from "../../testing/render"
import { size } from "./Copies"
import { blocks } from "./Prose"
import { span } from "./Retention"

const later = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()

function aCopy(o: Partial<DataCopy> = {}): DataCopy {
  return { id: "x1", status: "ready", askedAt: later(0), expiresAt: later(1), bytes: 48_200, ...o }
}

const kept = [{ what: "The entries of the log", why: "The log proves what happened" }]

const terms: Document = {
  document: "terms",
  version: "2026-11-23",
  title: "Terms of use",
  summary: "What you may expect.",
  url: "/api/privacy/documents/terms",
  required: true,
  acceptedVersion: null,
  acceptedAt: null,
}

function privacy(over: Record<string, unknown> = {}) {
  return serve(
    household({
      "GET /api/privacy/export": { exports: [] },
      "GET /api/privacy/deletion": { deletion: null, kept },
      "GET /api/privacy/consents": { documents: [terms] },
      "GET /api/privacy/retention": {
        rules: [
          { name: "transactions", days: 2555, from: "their date" },
          { name: "sessions", days: 30, from: "their end" },
        ],
      },
      ...over,
    }),
  )
}

describe("a copy of one's data", () => {
  beforeEach(() => {
    vi.stubGlobal(
      "URL",
      Object.assign(URL, { createObjectURL: () => "blob:x", revokeObjectURL: () => undefined }),
    )
  })
  it("is asked for, made, and downloaded", async () => {
    const copies: DataCopy[] = []
    const { calls } = privacy({
      "GET /api/privacy/export": () => {
        const now = [...copies]
        copies.splice(0, 1, ...copies.slice(0, 1).map((c) => ({ ...c, status: "ready" as const })))
        return { exports: now }
      },
      "POST /api/privacy/export": () => {
        copies.push(aCopy({ status: "making", bytes: 0, expiresAt: null }))
        return copies[0]
      },
      "GET /api/privacy/export/x1/download": {},
    })
    renderAt("/settings/privacy")
    await userEvent.click(await screen.findByRole("button", { name: "Make a copy" }))
    expect(await screen.findByText("being made")).toBeInTheDocument()
    expect(screen.getByRole("button", { name: "Make a copy" })).toBeDisabled()
    expect(await screen.findByText("ready")).toBeInTheDocument()
    await userEvent.click(screen.getByRole("button", { name: /^Download the copy/ }))
    expect(calls.some((c) => c.path.endsWith("/download"))).toBe(true)
  })
  it("says what became of each, and how large it is", async () => {
    privacy({
      "GET /api/privacy/export": {
        exports: [aCopy(), aCopy({ id: "x2", status: "expired" }), aCopy({ id: "x3", status: "failed" })],
      },
    })
    renderAt("/settings/privacy")
    const list = await screen.findByRole("list", { name: "Copies of my data" })
    expect(list).toHaveTextContent("48 kB")
    expect(list).toHaveTextContent("Its day is over")
    expect(list).toHaveTextContent("larger than we can make")
    expect(within(list).getAllByRole("button")).toHaveLength(1)
    expect([size(200), size(48_200), size(3_240_000)]).toEqual(["1 kB", "48 kB", "3.2 MB"])
  })
  it("refused, says why", async () => {
    privacy({
      "POST /api/privacy/export": new Refusal(429, {
        code: "too_many_exports",
        detail: "Three a day at most.",
      }),
    })
    renderAt("/settings/privacy")
    await userEvent.click(await screen.findByRole("button", { name: "Make a copy" }))
    expect((await screen.findAllByText("Three a day at most.")).length).toBeGreaterThan(0)
  })
})

describe("the end of an account", () => {
  it("says what goes and what stays before it is asked for, and can be undone above every page", async () => {
    let deletion: unknown = null
    const { calls } = privacy({
      "GET /api/privacy/deletion": () => ({ deletion, kept }),
      "GET /api/notices": () => ({ support: { consent: null }, deletion }),
      "POST /api/privacy/deletion": () => {
        deletion = { askedAt: later(0), dueAt: later(14), begun: false }
        return { deletion, kept }
      },
      "DELETE /api/privacy/deletion": () => {
        deletion = null
        return {}
      },
    })
    renderAt("/settings/privacy")
    await userEvent.click(await screen.findByRole("button", { name: "Delete my account …" }))
    const dialog = await screen.findByRole("dialog", { name: "Delete my account" })
    expect(dialog).toHaveTextContent("your banks and brokers are told")
    expect(dialog).toHaveTextContent("The log proves what happened")
    await userEvent.click(within(dialog).getByRole("button", { name: "Delete it in 14 days" }))
    const notices = await screen.findByRole("region", { name: "Notices" })
    expect(await within(notices).findByText(/Your account will be deleted in 14 days/)).toBeInTheDocument()
    await waitFor(() => expect(screen.getByText(/^Your account is deleted on/)).toHaveFocus())
    await userEvent.click(within(notices).getByRole("button", { name: "Keep my account" }))
    expect((await screen.findAllByText("Your account stays.")).length).toBeGreaterThan(0)
    expect(await screen.findByRole("button", { name: "Delete my account …" })).toBeInTheDocument()
    expect(calls.filter((c) => c.method === "DELETE")).toHaveLength(1)
  })
  it("can't be undone once it has begun", async () => {
    const deletion = { askedAt: later(-14), dueAt: later(0), begun: true }
    privacy({
      "GET /api/privacy/deletion": { deletion, kept },
      "GET /api/notices": { support: { consent: null }, deletion },
    })
    renderAt("/settings/privacy")
    expect(await screen.findByText("Your account is being deleted.")).toBeInTheDocument()
    expect(await screen.findByText(/can’t be undone any more/)).toBeInTheDocument()
    expect(screen.queryByRole("button", { name: "Keep my account" })).toBeNull()
  })
  it("counts days that are left, and never one too many", () => {
    const now = new Date("2026-11-23T12:00:00Z")
    expect(left("2026-12-07T12:00:00Z", now)).toBe("in 14 days")
    expect(left("2026-11-25T10:00:00Z", now)).toBe("in 1 day")
    expect(left("2026-11-24T10:59:00Z", now)).toBe("within a day")
  })
})

describe("what one agreed to", () => {
  it("is read and accepted, in the version that was read", async () => {
    let accepted: Document = terms
    const { calls } = privacy({
      "GET /api/privacy/consents": () => ({ documents: [accepted] }),
      "GET /api/privacy/documents/terms": {
        document: "terms",
        version: "2026-11-23",
        title: "Terms of use",
        text: "# Terms of use\n\n## What you may expect\n- We read **what you connect**.\n",
      },
      "POST /api/privacy/consents": () => {
        accepted = { ...terms, acceptedVersion: terms.version, acceptedAt: "2026-11-23T12:00:00Z" }
        return accepted
      },
    })
    renderAt("/settings/privacy")
    expect(await screen.findByText("not accepted yet")).toBeInTheDocument()
    await userEvent.click(screen.getByRole("button", { name: "Read and accept Terms of use" }))
    const dialog = await screen.findByRole("dialog", { name: "Terms of use" })
    expect(await within(dialog).findByRole("heading", { name: "What you may expect" })).toBeInTheDocument()
    expect(within(dialog).getByText("what you connect").tagName).toBe("STRONG")
    await userEvent.click(within(dialog).getByRole("button", { name: "Accept" }))
    expect(await screen.findByText("accepted")).toBeInTheDocument()
    const sent = calls.find((c) => c.method === "POST")
    expect(JSON.parse(sent?.body ?? "{}")).toEqual({ document: "terms", version: "2026-11-23" })
  })
  it("is asked for above every page until it is accepted, by no request of its own", async () => {
    let documents = [
      { document: "terms", title: "Terms of use", changed: true },
      { document: "privacy", title: "Privacy notice", changed: false },
    ]
    const accepted = { ...terms, acceptedVersion: terms.version, acceptedAt: later(0) }
    const { calls } = privacy({
      "GET /api/notices": () => ({ support: { consent: null }, deletion: null, documents }),
      "GET /api/privacy/documents/terms": { ...terms, text: "Short." },
      "POST /api/privacy/consents": () => {
        documents = []
        return accepted
      },
    })
    const { router } = renderAt("/accounts")
    const strip = await screen.findByText("These have changed: Terms of use, Privacy notice.")
    expect(calls.some((c) => c.path.startsWith("/api/privacy"))).toBe(false)
    await userEvent.click(screen.getByRole("link", { name: "Read and accept" }))
    await waitFor(() => expect(router.state.location.pathname).toBe("/settings/privacy"))
    await userEvent.click(await screen.findByRole("button", { name: "Read and accept Terms of use" }))
    await userEvent.click(await screen.findByRole("button", { name: "Accept" }))
    await waitFor(() => expect(strip).not.toBeInTheDocument())
  })
  it("says that a text has changed since", async () => {
    const old = { ...terms, acceptedVersion: "2025-01-01", acceptedAt: "2025-01-02T12:00:00Z" }
    privacy({ "GET /api/privacy/consents": { documents: [old] } })
    renderAt("/settings/privacy")
    expect(await screen.findByText("has changed")).toBeInTheDocument()
    expect(screen.getByText(/you accepted version 2025-01-01/)).toBeInTheDocument()
  })
  it("takes of Markdown what our texts use", () => {
    expect(blocks("# Title\n\nOne\ntwo.\n\n## Part\n- a\n- b\n  more\n\nEnd")).toEqual([
      { kind: "text", lines: ["One", "two."] },
      { kind: "heading", lines: ["Part"] },
      { kind: "list", lines: ["a", "b more"] },
      { kind: "text", lines: ["End"] },
    ])
  })
})

describe("the privacy page", () => {
  it("says how long what is kept", async () => {
    privacy()
    renderAt("/privacy")
    const row = (await screen.findByRole("rowheader", { name: /^Transactions/ })).closest("tr")
    expect(row).toHaveTextContent("from their date")
    expect(row).toHaveTextContent("7 years")
    expect([span(30), span(365)]).toEqual(["30 days", "1 year"])
  })
  it("says part by part what failed", async () => {
    privacy({ "GET /api/privacy/export": new Refusal(500, { code: "internal", detail: "Something broke." }) })
    renderAt("/settings/privacy")
    expect(await screen.findByText("We couldn’t load your copies.")).toBeInTheDocument()
    expect(await screen.findByRole("button", { name: /Terms of use/ })).toBeInTheDocument()
  })
  it("isn't for support", async () => {
    sessionStorage.setItem("flint-look", JSON.stringify({ id: "l1", until: later(1) }))
    const { calls } = privacy()
    renderAt("/settings/privacy")
    expect(await screen.findByText("This stays with its owner")).toBeInTheDocument()
    expect(calls.some((c) => /privacy|notices/.test(c.path))).toBe(false)
    sessionStorage.clear()
  })
})
