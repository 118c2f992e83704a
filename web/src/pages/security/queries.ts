// What the security page reads. A change of any of it makes all of it stale.
import { infiniteQueryOptions, queryOptions, useQueryClient } from "@tanstack/react-query"
import { api, ask } from "../../api/client"
import type { Safety, SecurityArea } from "../../api/types"

let asked: Promise<Safety> | undefined

/**
 * A part of what the page shows. All that is wanted at one moment is read at once: eight reads
 * would use up what the free plan allows at a time.
 */
async function part<P extends keyof Safety>(name: P): Promise<Safety[P]> {
  if (!asked) {
    asked = ask(api.GET("/api/security"))
    setTimeout(() => {
      asked = undefined // who asks later, wants to know how it is then
    })
  }
  return (await asked)[name]
}

export const factors = queryOptions({
  queryKey: ["security", "factors"],
  queryFn: () => part("factors"),
})

export const sessions = queryOptions({
  queryKey: ["security", "sessions"],
  queryFn: async () => (await part("sessions")).sessions ?? [],
})

export const devices = queryOptions({
  queryKey: ["security", "devices"],
  queryFn: async () => (await part("devices")).devices,
})

export const decisions = infiniteQueryOptions({
  queryKey: ["security", "decisions"],
  initialPageParam: "",
  queryFn: ({ signal, pageParam }) =>
    pageParam
      ? ask(
          api.GET("/api/security/decisions", { signal, params: { query: { limit: 50, cursor: pageParam } } }),
        )
      : part("decisions"),
  getNextPageParam: (page) => page.nextCursor || undefined,
})

export const keys = queryOptions({
  queryKey: ["security", "keys"],
  queryFn: () => part("keys"),
})

export const log = (area?: SecurityArea) =>
  infiniteQueryOptions({
    queryKey: ["security", "log", area ?? ""],
    initialPageParam: "",
    queryFn: ({ signal, pageParam }) =>
      area || pageParam
        ? ask(
            api.GET("/api/security/log", {
              signal,
              params: {
                query: { limit: 10, ...(area ? { area } : {}), ...(pageParam ? { cursor: pageParam } : {}) },
              },
            }),
          )
        : part("log"),
    getNextPageParam: (page) => page.nextCursor || undefined,
  })

type Part = "factors" | "sessions" | "devices" | "keys" | "support"

/** Marks some of the page's reads stale, and the log, which tells of every change. */
export function useChanged(...parts: Part[]): () => void {
  const client = useQueryClient()
  return () => {
    for (const name of [...parts, "log"]) void client.invalidateQueries({ queryKey: ["security", name] })
    if (parts.includes("support")) void client.invalidateQueries({ queryKey: ["notices"] })
    // Whether a second factor is on is told with who one is, too.
    if (parts.includes("factors")) void client.invalidateQueries({ queryKey: ["user"] })
  }
}
