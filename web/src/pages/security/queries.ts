// What the security page reads. A change of any of it makes all of it stale.
import { infiniteQueryOptions, queryOptions, useQueryClient } from "@tanstack/react-query"
import { api, ask } from "../../api/client"
import type { SecurityArea } from "../../api/types"

export const factors = queryOptions({
  queryKey: ["security", "factors"],
  queryFn: ({ signal }) => ask(api.GET("/api/auth/mfa", { signal })),
})

export const sessions = queryOptions({
  queryKey: ["security", "sessions"],
  queryFn: async ({ signal }) => (await ask(api.GET("/api/auth/sessions", { signal }))).sessions ?? [],
})

export const devices = queryOptions({
  queryKey: ["security", "devices"],
  queryFn: async ({ signal }) => (await ask(api.GET("/api/auth/devices", { signal }))).devices,
})

export const decisions = infiniteQueryOptions({
  queryKey: ["security", "decisions"],
  initialPageParam: "",
  queryFn: ({ signal, pageParam }) =>
    ask(
      api.GET("/api/security/decisions", {
        signal,
        params: { query: { limit: 50, ...(pageParam ? { cursor: pageParam } : {}) } },
      }),
    ),
  getNextPageParam: (page) => page.nextCursor || undefined,
})

export const keys = queryOptions({
  queryKey: ["security", "keys"],
  queryFn: ({ signal }) => ask(api.GET("/api/keys", { signal })),
})

export const log = (area?: SecurityArea) =>
  infiniteQueryOptions({
    queryKey: ["security", "log", area ?? ""],
    initialPageParam: "",
    queryFn: ({ signal, pageParam }) =>
      ask(
        api.GET("/api/security/log", {
          signal,
          params: {
            query: { limit: 10, ...(area ? { area } : {}), ...(pageParam ? { cursor: pageParam } : {}) },
          },
        }),
      ),
    getNextPageParam: (page) => page.nextCursor || undefined,
  })

type Part = "factors" | "sessions" | "devices" | "keys" | "support"

/** Marks some of the page's reads stale, and the log, which tells of every change. */
export function useChanged(...parts: Part[]): () => void {
  const client = useQueryClient()
  return () => {
    for (const part of [...parts, "log"]) void client.invalidateQueries({ queryKey: ["security", part] })
    // Whether a second factor is on is told with who one is, too.
    if (parts.includes("factors")) void client.invalidateQueries({ queryKey: ["user"] })
  }
}
