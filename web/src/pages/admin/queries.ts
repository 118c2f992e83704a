// What staff read. Each look at somebody stands in the log, and the person sees it: so nothing
// here is read again by itself.
import { infiniteQueryOptions, queryOptions, useQueryClient } from "@tanstack/react-query"
import { api, ask } from "../../api/client"
import type { Guard } from "../security/StepUp"

const once = { staleTime: Number.POSITIVE_INFINITY, refetchOnWindowFocus: false, refetchOnReconnect: false }

export const people = (guard: Guard, q: string) =>
  queryOptions({
    queryKey: ["admin", "people", q],
    queryFn: () => guard(() => ask(api.GET("/api/admin/users", { params: { query: { q, limit: 20 } } }))),
    ...once,
    enabled: q !== "",
    staleTime: 0, // who searches anew, wants to know anew
  })

export const person = (guard: Guard, id: string) =>
  queryOptions({
    queryKey: ["admin", "person", id],
    queryFn: () => guard(() => ask(api.GET("/api/admin/users/{id}", { params: { path: { id } } }))),
    ...once,
  })

export const holds = (guard: Guard, id: string) =>
  queryOptions({
    queryKey: ["admin", "holds", id],
    queryFn: async () =>
      (await guard(() => ask(api.GET("/api/admin/users/{id}/holds", { params: { path: { id } } })))).holds,
    ...once,
  })

export const judged = (guard: Guard, id: string) =>
  infiniteQueryOptions({
    queryKey: ["admin", "judged", id],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      guard(() =>
        ask(
          api.GET("/api/admin/users/{id}/risk", {
            params: { path: { id }, query: { limit: 20, ...(pageParam ? { cursor: pageParam } : {}) } },
          }),
        ),
      ),
    getNextPageParam: (page) => page.nextCursor || undefined,
    ...once,
  })

export const screenings = (guard: Guard, state: "open" | "all") =>
  infiniteQueryOptions({
    queryKey: ["admin", "screenings", state],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      guard(() =>
        ask(
          api.GET("/api/admin/screenings", {
            params: { query: { state, ...(pageParam ? { cursor: pageParam } : {}) } },
          }),
        ),
      ),
    getNextPageParam: (page) => page.nextCursor || undefined,
    ...once,
  })

/** Reads again what was changed. */
export function useChanged(...key: string[]): () => void {
  const client = useQueryClient()
  return () => void client.invalidateQueries({ queryKey: ["admin", ...key] })
}
