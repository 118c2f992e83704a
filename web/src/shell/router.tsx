import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router"
import { RouteBroken, RouteMissing } from "../pages/Lost"
import { Shell } from "./Shell"

const root = createRootRoute({
  component: Shell,
  notFoundComponent: RouteMissing,
  errorComponent: RouteBroken,
})

const page = <P extends string>(path: P, load: () => Promise<{ default: () => React.ReactNode }>) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load) })

export interface TransactionSearch {
  q?: string
  accountId?: string
  category?: string
  status?: "pending" | "posted"
  from?: string
  to?: string
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined
const day = (value: unknown): string | undefined =>
  typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value) ? value : undefined

export const transactionsRoute = createRoute({
  getParentRoute: () => root,
  path: "/transactions",
  component: lazyRouteComponent(() => import("../pages/Transactions")),
  validateSearch: (s: Record<string, unknown>): TransactionSearch => ({
    q: text(s.q),
    accountId: text(s.accountId),
    category: text(s.category),
    status: s.status === "pending" || s.status === "posted" ? s.status : undefined,
    from: day(s.from),
    to: day(s.to),
  }),
})

export interface ConnectSearch {
  goal?: "bank" | "brokerage" | "crypto"
  reconnect?: string
}

export const connectRoute = createRoute({
  getParentRoute: () => root,
  path: "/connect",
  component: lazyRouteComponent(() => import("../pages/Connect")),
  validateSearch: (s: Record<string, unknown>): ConnectSearch => ({
    goal: s.goal === "bank" || s.goal === "brokerage" || s.goal === "crypto" ? s.goal : undefined,
    reconnect: text(s.reconnect),
  }),
})

export interface ReturnSearch {
  status?: string
  connection_id?: string
  error_code?: string
}

export const connectReturnRoute = createRoute({
  getParentRoute: () => root,
  path: "/connect/return/$attempt",
  component: lazyRouteComponent(() => import("../pages/ConnectReturn")),
  validateSearch: (s: Record<string, unknown>): ReturnSearch => ({
    status: text(s.status),
    connection_id: text(s.connection_id) ?? text(s.connectionId) ?? text(s.authorizationId),
    error_code: text(s.error_code) ?? text(s.status_code),
  }),
})

export const routeTree = root.addChildren([
  page("/", () => import("../pages/Dashboard")),
  page("/accounts", () => import("../pages/Accounts")),
  page("/accounts/$accountId", () => import("../pages/AccountPage")),
  transactionsRoute,
  connectRoute,
  connectReturnRoute,
  page("/connections", () => import("../pages/Connections")),
  page("/connections/$connectionId", () => import("../pages/ConnectionPage")),
  page("/connections/$connectionId/first-sync", () => import("../pages/FirstSync")),
  page("/import", () => import("../pages/Import")),
  page("/import/$importId", () => import("../pages/ImportPage")),
  page("/admin", () => import("../pages/admin/People")),
  page("/admin/people/$userId", () => import("../pages/admin/Person")),
  page("/admin/screening", () => import("../pages/admin/Screening")),
  page("/admin/support", () => import("../pages/SupportLook")),
  page("/settings/security", () => import("../pages/Security")),
  page("/settings/privacy", () => import("../pages/Privacy")),
  page("/privacy", () => import("../pages/Privacy")),
])

export const router = createRouter({ routeTree, defaultPreload: "intent", scrollRestoration: true })

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router
  }
}
