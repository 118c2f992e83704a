// What the security page reads. A change of any of it makes all of it stale.
import { infiniteQueryOptions, queryOptions, useQueryClient } from "@tanstack/react-query"
import { useCallback } from "react"
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

/** Marks the page's reads stale, and who one is: whether a second factor is on is told there. */
export function useChanged(): () => void {
  const client = useQueryClient()
  return useCallback(() => {
    void client.invalidateQueries({ queryKey: ["security"] })
    void client.invalidateQueries({ queryKey: ["user"] })
  }, [client])
}
