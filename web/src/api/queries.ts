// Every read of the product, by name. Keys begin with the word that live events use.
import {
  infiniteQueryOptions,
  keepPreviousData,
  MutationCache,
  QueryCache,
  QueryClient,
  queryOptions,
} from "@tanstack/react-query"
import { api, ask, mayPass } from "./client"
import { currentLook, leaveLook } from "./looking"
import { ApiError } from "./problem"
import type { ImportPreview, Period } from "./types"

export interface TransactionFilters {
  accountId?: string
  from?: string
  to?: string
  q?: string
  category?: string
  status?: "pending" | "posted"
}

/** Makes the cache. `onSignedOut` is called when a read or write finds the session ended. */
export function newQueryClient(onSignedOut: () => void): QueryClient {
  const onError = (error: unknown) => {
    if (isSignedOut(error)) onSignedOut()
    if (error instanceof ApiError && error.code === "support_over" && currentLook()) leaveLook()
  }
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: 60_000,
        retry: (failures, error) => failures < 3 && mayPass(error),
        retryDelay: patience,
        refetchOnWindowFocus: true,
        throwOnError: false,
      },
      mutations: { retry: false },
    },
  })
}

export const appInfo = queryOptions({
  queryKey: ["app"],
  queryFn: ({ signal }) => ask(api.GET("/api/app", { signal })),
  staleTime: 300_000,
})

export const user = queryOptions({
  queryKey: ["user"],
  queryFn: ({ signal }) => ask(api.GET("/api/auth/user", { signal })),
  staleTime: 300_000,
})

/** What concerns one on every page: whether support may look, and does; whether the account is to go; what waits to be accepted. */
export const notices = queryOptions({
  queryKey: ["notices"],
  queryFn: ({ signal }) => ask(api.GET("/api/notices", { signal })),
  staleTime: 300_000,
  refetchInterval: (query) => (query.state.data?.support.consent ? 15_000 : false),
})

export const dashboard = queryOptions({
  queryKey: ["dashboard"],
  queryFn: ({ signal }) => ask(api.GET("/api/dashboard", { signal })),
})

export const wealthHistory = (period: Period) =>
  queryOptions({
    queryKey: ["wealth", period],
    queryFn: ({ signal }) =>
      ask(api.GET("/api/portfolio/history", { signal, params: { query: { period } } })),
    placeholderData: keepPreviousData,
  })

export const accounts = queryOptions({
  queryKey: ["accounts"],
  queryFn: async ({ signal }) => (await ask(api.GET("/api/accounts", { signal }))).accounts ?? [],
})

export const account = (id: string) =>
  queryOptions({
    queryKey: ["accounts", id],
    queryFn: ({ signal }) => ask(api.GET("/api/accounts/{id}", { signal, params: { path: { id } } })),
  })

export const holdings = queryOptions({
  queryKey: ["accounts", "holdings"],
  queryFn: async ({ signal }) => (await ask(api.GET("/api/portfolio-holdings", { signal }))).holdings ?? [],
})

export const connections = queryOptions({
  queryKey: ["connections"],
  queryFn: ({ signal }) => ask(api.GET("/api/connections", { signal })),
})

export const connection = (id: string) =>
  queryOptions({
    queryKey: ["connections", id],
    queryFn: ({ signal }) => ask(api.GET("/api/connections/{id}", { signal, params: { path: { id } } })),
  })

export const transactions = (filters: TransactionFilters, limit = 100) =>
  infiniteQueryOptions({
    queryKey: ["transactions", "list", filters, limit],
    initialPageParam: "",
    queryFn: ({ signal, pageParam }) =>
      ask(
        api.GET("/api/transactions", {
          signal,
          params: { query: { ...filters, limit, ...(pageParam ? { cursor: pageParam } : {}) } },
        }),
      ),
    getNextPageParam: (page) => page.nextCursor || undefined,
    placeholderData: keepPreviousData,
  })

export const recentTransactions = (limit: number, filters: TransactionFilters = {}) =>
  queryOptions({
    queryKey: ["transactions", "recent", filters, limit],
    queryFn: ({ signal }) =>
      ask(api.GET("/api/transactions", { signal, params: { query: { ...filters, limit } } })),
  })

export const imports = queryOptions({
  queryKey: ["imports"],
  queryFn: async ({ signal }) => (await ask(api.GET("/api/imports", { signal }))).imports ?? [],
})

export const importById = (id: string) =>
  queryOptions({
    queryKey: ["imports", id],
    queryFn: ({ signal }): Promise<ImportPreview> =>
      ask(api.GET("/api/imports/{id}", { signal, params: { path: { id } } })),
  })

/** How long to wait before another try, in ms: as long as the server asks, else ever longer. */
export function patience(failures: number, error: unknown): number {
  if (error instanceof ApiError && error.retryAfter > 0) return Math.min(error.retryAfter, 60) * 1000
  return Math.min(1000 * 2 ** failures, 15_000)
}

/** True when an error means that the person has to sign in again. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.kind === "signed-out"
}
