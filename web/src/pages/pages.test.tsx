import { screen, waitFor, within } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { describe, expect, it } from "vitest"
import {
  aConnection,
  aDashboard,
  anAccount,
  aTransaction,
  household,
  Refusal,
  renderAt,
  serve,
  theApp,
  theUser,
} from "../testing/render"

const down = new Refusal(500, {
  code: "internal",
  detail: "Something broke on our side.",
  instance: "req_42",
})

describe("the dashboard", () => {
  it("shows shapes while it loads", async () => {
    serve({})
    renderAt("/")
    expect(await screen.findByText("Loading your net worth…")).toBeInTheDocument()
  })
  it("shows the headline, the change and the accounts", async () => {
    serve(household())
    renderAt("/")
    expect(await screen.findByTestId("net-worth")).toHaveTextContent("$1,234.50")
    expect(await screen.findByText("+$234.40")).toBeInTheDocument()
    expect(await screen.findByText("Everyday Checking")).toBeInTheDocument()
  })
  it("invites to connect when there is nothing yet", async () => {
    serve(household({ "GET /api/dashboard": aDashboard({ accounts: [], totalBalance: null }) }))
    renderAt("/")
    expect(await screen.findByText("Your net worth will stand here")).toBeInTheDocument()
    expect(screen.getByRole("link", { name: "Connect an account" })).toHaveAttribute("href", "/connect")
  })
  it("says what the total leaves out, and never shows an unknown total as zero", async () => {
    serve(
      household({
        "GET /api/dashboard": aDashboard({
          totalBalance: null,
          complete: false,
          missing: [{ what: "balance", detail: "Spending" }],
          accounts: [anAccount({ balance: null, balanceInBase: null })],
        }),
      }),
    )
    renderAt("/")
    expect(await screen.findByText(/The balance of Spending isn’t known yet/)).toBeInTheDocument()
    expect(screen.queryByTestId("net-worth")).not.toBeInTheDocument()
    expect(screen.queryByText("$0.00", { selector: "[data-testid=net-worth] *" })).not.toBeInTheDocument()
  })
  it("names a broken connection and offers to mend it", async () => {
    serve(
      household({
        "GET /api/connections": {
          connections: [
            aConnection({
              status: "reauth",
              action: "reconnect",
              message: "Acme Bank no longer accepts the saved sign-in.",
            }),
          ],
          limit: null,
          used: 1,
        },
      }),
    )
    renderAt("/")
    expect(await screen.findByText(/no longer accepts/)).toBeInTheDocument()
    expect(screen.getByRole("link", { name: "Reconnect" })).toHaveAttribute(
      "href",
      "/connect?goal=bank&reconnect=c1",
    )
  })
  it("says what failed, with the request's id and a way to try again", async () => {
    let broken = true
    serve(household({ "GET /api/dashboard": () => (broken ? down : aDashboard()) }))
    renderAt("/")
    expect(await screen.findByText("We couldn’t load your dashboard.")).toBeInTheDocument()
    expect(screen.getByText("req_42")).toBeInTheDocument()
    broken = false
    await userEvent.click(screen.getByRole("button", { name: "Try again" }))
    expect(await screen.findByTestId("net-worth")).toHaveTextContent("$1,234.50")
  })
  it("changes by itself when the server says so", async () => {
    let total = "1234.50"
    serve(
      household({
        "GET /api/dashboard": () => aDashboard({ totalBalance: { amount: total, currency: "USD" } }),
      }),
    )
    const { live } = renderAt("/")
    expect(await screen.findByTestId("net-worth")).toHaveTextContent("$1,234.50")
    total = "1300.00"
    live.receive({ topic: "wealth", data: {} })
    await waitFor(() => expect(screen.getByTestId("net-worth")).toHaveTextContent("$1,300.00"))
  })
})

describe("the frame", () => {
  it("asks for a sign-in when the session has ended", async () => {
    const out = new Refusal(401, { code: "NO_TOKEN", detail: "Please sign in." })
    serve({ "GET /api/auth/user": out, "GET /api/dashboard": out, "POST /api/auth/refresh": out })
    const { signedOut } = renderAt("/")
    await waitFor(() => expect(signedOut).toHaveBeenCalled())
  })
  it("says that a demo is a demo, and that mail isn't confirmed", async () => {
    serve(
      household({
        "GET /api/app": {
          ...theApp,
          demo: { inboxUrl: "http://localhost:1/inbox", sandboxUrl: "http://localhost:1/", note: "" },
        },
        "GET /api/auth/user": { ...theUser, emailVerified: false },
        "POST /api/auth/resend-verification": { success: true, message: "On its way." },
      }),
    )
    renderAt("/")
    expect(await screen.findByText("Demo data")).toBeInTheDocument()
    expect(screen.getByRole("link", { name: /Mail inbox/ })).toHaveAttribute(
      "href",
      "http://localhost:1/inbox",
    )
    await userEvent.click(await screen.findByRole("button", { name: "Send the mail again" }))
    expect(await screen.findByText("On its way.")).toBeInTheDocument()
  })
  it("hides figures and lists shortcuts by key", async () => {
    serve(household())
    renderAt("/")
    await screen.findByTestId("net-worth")
    await userEvent.keyboard(".")
    expect(document.documentElement.dataset.privacy).toBe("on")
    await userEvent.keyboard(".?")
    expect(await screen.findByRole("dialog", { name: "Keyboard" })).toBeInTheDocument()
    expect(document.documentElement.dataset.privacy).toBeUndefined()
  })
  it("goes to another page with two keys", async () => {
    serve(household())
    const { router } = renderAt("/")
    await screen.findByTestId("net-worth")
    await userEvent.keyboard("gc")
    await waitFor(() => expect(router.state.location.pathname).toBe("/connections"))
  })
})

describe("accounts", () => {
  it("shows a figure that isn't known as a dash with its reason", async () => {
    serve(
      household({ "GET /api/accounts": { accounts: [anAccount({ balance: null, balanceInBase: null })] } }),
    )
    renderAt("/accounts")
    const row = await screen.findByRole("link", { name: /Everyday Checking/ })
    expect(within(row).getByText(/unknown/)).toBeInTheDocument()
    expect(row).not.toHaveTextContent("$0")
  })
  it("has an empty page with a way on", async () => {
    serve(household({ "GET /api/accounts": { accounts: [] } }))
    renderAt("/accounts")
    expect(await screen.findByText("No accounts yet")).toBeInTheDocument()
  })
  it("folds hidden accounts away", async () => {
    serve(
      household({
        "GET /api/accounts": {
          accounts: [anAccount(), anAccount({ id: "a2", accountName: "Old one", hidden: true })],
        },
      }),
    )
    renderAt("/accounts")
    await userEvent.click(await screen.findByRole("button", { name: /1 hidden or closed account/ }))
    expect(screen.getByText("Old one")).toBeInTheDocument()
  })
  it("says when an account isn't there", async () => {
    serve(
      household({
        "GET /api/accounts/nope": new Refusal(404, {
          code: "account_unknown",
          detail: "There is no such account.",
        }),
      }),
    )
    renderAt("/accounts/nope")
    expect(await screen.findByText("There is no such account.")).toBeInTheDocument()
  })
})

describe("connections", () => {
  it("says when the plan is full, before a provider's window opens", async () => {
    serve(household({ "GET /api/connections": { connections: [aConnection()], limit: 1, used: 1 } }))
    renderAt("/connect")
    expect(await screen.findByText("Your plan’s places are taken")).toBeInTheDocument()
    expect(screen.queryByText("Bank or card")).not.toBeInTheDocument()
  })
  it("says when a provider isn't set up", async () => {
    serve(household({ "GET /api/app": { ...theApp, teller: { enabled: false, connectScript: "" } } }))
    renderAt("/connect?goal=bank")
    expect(await screen.findByText(/isn’t set up on this server/)).toBeInTheDocument()
  })
  it("explains a provider that is down, and changes nothing", async () => {
    serve(
      household({
        "POST /api/connections/snaptrade/start": new Refusal(503, {
          code: "provider_unavailable",
          detail: "SnapTrade isn’t answering.",
        }),
      }),
    )
    renderAt("/connect?goal=brokerage")
    await userEvent.click(await screen.findByRole("button", { name: "Continue with SnapTrade" }))
    expect(await screen.findByText(/SnapTrade isn’t answering. Nothing was changed/)).toBeInTheDocument()
  })
  it("shows a running sync's counts", async () => {
    serve(
      household({
        "GET /api/connections": { connections: [aConnection({ syncing: true })], limit: null, used: 1 },
      }),
    )
    const { live } = renderAt("/connections")
    await screen.findByText("Updating")
    live.receive({ topic: "sync", data: { connection: "c1", run: "r", phase: "transactions", fetched: 240 } })
    expect(await screen.findByText(/240 rows so far/)).toBeInTheDocument()
  })
  it("comes back from a portal that was closed", async () => {
    serve(household())
    renderAt("/connect/return/at1?status=ABANDONED")
    expect(await screen.findByText("You left before it was finished")).toBeInTheDocument()
  })
  it("links once when it comes back with a connection", async () => {
    const { calls } = serve(
      household({
        "POST /api/connections/snaptrade": aConnection({
          id: "c9",
          provider: "snaptrade",
          kind: "brokerage",
          institutionName: "Fidelity",
        }),
        "GET /api/connections/c9": {
          ...aConnection({ id: "c9", kind: "brokerage", institutionName: "Fidelity" }),
          runs: [],
        },
      }),
    )
    const { router } = renderAt("/connect/return/at1?status=SUCCESS&connection_id=z")
    await waitFor(() => expect(router.state.location.pathname).toBe("/connections/c9/first-sync"))
    const posts = calls.filter((c) => c.method === "POST" && c.path === "/api/connections/snaptrade")
    expect(posts.map((c) => JSON.parse(c.body))).toEqual([{ attempt: "at1", authorizationId: "z" }])
  })
})

describe("transactions", () => {
  it("marks what is pending and says so", async () => {
    serve(
      household({
        "GET /api/transactions": { transactions: [aTransaction({ status: "pending" })], nextCursor: null },
      }),
    )
    renderAt("/transactions")
    expect(await screen.findByRole("heading", { name: "Transactions" })).toBeInTheDocument()
  })
  it("says when a filter lets nothing through, and clears it", async () => {
    serve(household({ "GET /api/transactions": { transactions: [], nextCursor: null } }))
    const { router } = renderAt("/transactions?q=zebra")
    expect(await screen.findByText("No results for “zebra”")).toBeInTheDocument()
    await userEvent.click(screen.getByRole("button", { name: "Clear the filters" }))
    await waitFor(() => expect(router.state.location.search).toEqual({}))
  })
  it("goes on with a search that has found nothing yet, when one wants to", async () => {
    const asked: string[] = []
    const pages: Record<string, unknown> = {
      "": { transactions: [], nextCursor: "c1" },
      c1: { transactions: [aTransaction({ description: "ZEBRA", merchant: "Zebra" })], nextCursor: "c2" },
      c2: { transactions: [], nextCursor: "c3" },
      c3: { transactions: [], nextCursor: null },
    }
    serve(
      household({
        "GET /api/transactions": (r: Request) => {
          const cursor = new URL(r.url).searchParams.get("cursor") ?? ""
          asked.push(cursor)
          return pages[cursor]
        },
      }),
    )
    renderAt("/transactions?q=zebra")
    expect(await screen.findByText("Nothing found yet")).toBeInTheDocument()
    expect(screen.queryByText("No results for “zebra”")).toBeNull()
    expect(asked).toEqual([""])
    await userEvent.click(screen.getByRole("button", { name: "Search further back" }))
    expect(await screen.findByRole("list", { name: "Transactions" })).toBeInTheDocument()
    expect(screen.queryByText(/several currencies/)).toBeNull()
    // What was found doesn't fill the window, so it went on by itself, until it found nothing.
    await userEvent.click(await screen.findByRole("button", { name: "Search further back" }))
    await waitFor(() => expect(screen.queryByRole("button", { name: "Search further back" })).toBeNull())
    expect(asked).toEqual(["", "c1", "c2", "c3"])
  })
  it("says what failed", async () => {
    serve(household({ "GET /api/transactions": down }))
    renderAt("/transactions")
    expect(await screen.findByText("We couldn’t load your transactions.")).toBeInTheDocument()
  })
})

describe("import", () => {
  const preview = {
    id: "i1",
    filename: "may.ofx",
    format: "ofx",
    status: "preview",
    accountId: null,
    statementAccounts: [],
    siblings: [],
    rows: [
      {
        ordinal: 0,
        date: "2026-05-01",
        amount: "-4.20",
        currency: "USD",
        description: "COFFEE",
        verdict: "new",
      },
    ],
    summary: { new: 1, duplicates: 2, possible: 0, skipped: 0, unknownElements: 3, investments: 0 },
    createdAt: "2026-05-02T00:00:00Z",
    appliedAt: null,
    undoneAt: null,
  }
  it("shows each row's verdict before anything is kept", async () => {
    serve(household({ "GET /api/imports/i1": preview }))
    renderAt("/import/i1")
    expect(await screen.findByText("COFFEE")).toBeInTheDocument()
    expect(screen.getByText("New")).toBeInTheDocument()
    expect(screen.getByRole("button", { name: "Add 1 transaction" })).toBeEnabled()
  })
  it("shows the server's reason for refusing a file", async () => {
    serve(
      household({
        "POST /api/imports": new Refusal(422, {
          code: "unreadable_file",
          detail: "This isn’t an OFX, QFX or CSV file.",
        }),
      }),
    )
    renderAt("/import")
    await userEvent.upload(await screen.findByLabelText("Statement file"), new File(["x"], "a.ofx"))
    expect(await screen.findByText("This isn’t an OFX, QFX or CSV file.")).toBeInTheDocument()
  })
})
