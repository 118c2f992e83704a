// Renders the real app, router and all, at a path, against answers that a test lays out.
import { QueryClientProvider } from "@tanstack/react-query"
import { createMemoryHistory, createRouter, RouterProvider } from "@tanstack/react-router"
import { render } from "@testing-library/react"
import { Tooltip } from "radix-ui"
import { vi } from "vitest"
import { Live } from "../api/live"
import { newQueryClient } from "../api/queries"
import type { Account, AppInfo, Connection, Dashboard, Transaction, User } from "../api/types"
import { LiveProvider } from "../shell/live"
import { routeTree } from "../shell/router"
import { Toasts } from "../ui/Toasts"

type Answer = unknown | ((request: Request) => unknown)

/** An answer that is a problem document. */
export class Refusal {
  constructor(
    readonly status: number,
    readonly body: { code: string; detail: string; instance?: string },
  ) {}
}

/** Answers requests by "METHOD /path"; what isn't laid out never answers, like a slow server. */
export function serve(answers: Record<string, Answer>): {
  calls: { method: string; path: string; body: string }[]
} {
  const calls: { method: string; path: string; body: string }[] = []
  vi.stubGlobal("fetch", async (input: Request | string, init?: RequestInit) => {
    const request = typeof input === "string" ? new Request(new URL(input, location.origin), init) : input
    const path = new URL(request.url).pathname
    calls.push({
      method: request.method,
      path,
      body: request.headers.get("Content-Type")?.startsWith("application/json")
        ? await request.clone().text()
        : "",
    })
    const key = `${request.method} ${path}`
    if (!(key in answers)) return new Promise<Response>(() => undefined)
    const given = answers[key]
    const answer = typeof given === "function" ? await given(request) : given
    if (answer instanceof Refusal) {
      return new Response(JSON.stringify({ status: answer.status, ...answer.body }), {
        status: answer.status,
        headers: { "Content-Type": "application/problem+json" },
      })
    }
    return new Response(JSON.stringify(answer), {
      status: 200,
      headers: { "Content-Type": "application/json" },
    })
  })
  return { calls }
}

export function renderAt(path: string) {
  const signedOut = vi.fn()
  const client = newQueryClient(signedOut)
  const live = new Live(client, async () => true)
  const router = createRouter({ routeTree, history: createMemoryHistory({ initialEntries: [path] }) })
  const page = render(
    <QueryClientProvider client={client}>
      <LiveProvider live={live}>
        <Tooltip.Provider>
          <Toasts>
            <RouterProvider router={router as never} />
          </Toasts>
        </Tooltip.Provider>
      </LiveProvider>
    </QueryClientProvider>,
  )
  return { ...page, live, signedOut, router }
}

const usd = (amount: string) => ({ amount, currency: "USD" })

export function anAccount(o: Partial<Account> = {}): Account {
  return {
    id: "a1",
    provider: "teller",
    connectionId: "c1",
    name: "Everyday Checking",
    accountName: "Everyday Checking",
    nickname: null,
    institution: "Acme Bank",
    institutionName: "Acme Bank",
    type: "bank",
    subtype: "checking",
    mask: "4021",
    currency: "USD",
    balance: usd("1234.50"),
    balanceInBase: usd("1234.50"),
    available: null,
    creditLimit: null,
    status: "open",
    asOf: new Date().toISOString(),
    lastUpdated: new Date().toISOString(),
    needsReconnection: false,
    connectionStatus: "healthy",
    stale: false,
    hidden: false,
    ...o,
  }
}

export function aConnection(o: Partial<Connection> = {}): Connection {
  return {
    id: "c1",
    provider: "teller",
    kind: "bank",
    institutionId: "acme",
    institutionName: "Acme Bank",
    access: "read",
    status: "healthy",
    statusReason: "",
    message: "",
    action: "none",
    accounts: 1,
    lastSyncedAt: new Date().toISOString(),
    nextSyncAt: null,
    syncing: false,
    createdAt: new Date().toISOString(),
    ...o,
  }
}

export function aTransaction(o: Partial<Transaction> = {}): Transaction {
  return {
    id: "t1",
    accountId: "a1",
    accountName: "Everyday Checking",
    accountType: "bank",
    institution: "Acme Bank",
    provider: "teller",
    date: "2026-11-20",
    type: "card_payment",
    description: "BLUE BOTTLE 123",
    merchant: "Blue Bottle",
    category: "dining",
    note: "",
    amount: "-6.75",
    currency: "USD",
    status: "posted",
    source: "provider",
    ...o,
  }
}

export const theUser: User = {
  id: "u1",
  email: "ada@example.com",
  firstName: "Ada",
  lastName: "",
  role: "user",
  subscriptionTier: "free",
  mfaEnabled: false,
  emailVerified: true,
  currency: "USD",
  timeZone: "America/New_York",
}

export const theApp: AppInfo = {
  name: "Flint",
  version: "1.0.0",
  demo: null,
  teller: { enabled: true, connectScript: "" },
  snaptrade: { enabled: true },
}

export function aDashboard(o: Partial<Dashboard> = {}): Dashboard {
  return {
    totalBalance: usd("1234.50"),
    bankBalance: usd("1234.50"),
    investmentBalance: usd("0"),
    cryptoValue: usd("0"),
    totalAssets: usd("1234.50"),
    totalDebts: usd("0"),
    currency: "USD",
    accounts: [anAccount()],
    needsConnection: false,
    connectionStatus: { hasAccounts: true, snapTradeError: false, message: "" },
    lastBalanceUpdate: new Date().toISOString(),
    asOf: new Date().toISOString(),
    complete: true,
    missing: [],
    change: null,
    positions: [],
    subscriptionTier: "free",
    isAdmin: false,
    snapTradeStatus: { connected: false },
    ...o,
  }
}

/** The answers of a healthy, small household; a test overrides what it is about. */
export function household(over: Record<string, Answer> = {}): Record<string, Answer> {
  return {
    "GET /api/app": theApp,
    "GET /api/auth/user": theUser,
    "GET /api/notices": { support: { consent: null }, deletion: null, documents: [] },
    "GET /api/dashboard": aDashboard(),
    "GET /api/portfolio/history": {
      period: "3M",
      currency: "USD",
      dataPoints: [
        { timestamp: "2026-11-21T00:00:00Z", day: "2026-11-21", value: "1000.10", quality: "complete" },
        { timestamp: "2026-11-22T00:00:00Z", day: "2026-11-22", value: "1234.50", quality: "complete" },
      ],
    },
    "GET /api/accounts": { accounts: [anAccount()] },
    "GET /api/connections": { connections: [aConnection()], limit: null, used: 1 },
    "GET /api/transactions": {
      transactions: [aTransaction()],
      nextCursor: null,
      totals: { in: usd("0"), out: usd("-6.75"), net: usd("-6.75") },
    },
    "GET /api/imports": { imports: [] },
    ...over,
  }
}
