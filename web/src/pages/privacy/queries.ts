// What the privacy page reads.
import { queryOptions } from "@tanstack/react-query"
import { api, ask } from "../../api/client"

/** The copies that were asked for; looked at again while one is being made. */
export const copies = queryOptions({
  queryKey: ["privacy", "copies"],
  queryFn: async ({ signal }) => (await ask(api.GET("/api/privacy/export", { signal }))).exports,
  refetchInterval: (query) => (query.state.data?.some((c) => c.status === "making") ? 1500 : false),
})

export const deletion = queryOptions({
  queryKey: ["privacy", "deletion"],
  queryFn: ({ signal }) => ask(api.GET("/api/privacy/deletion", { signal })),
})

export const documents = queryOptions({
  queryKey: ["privacy", "documents"],
  queryFn: async ({ signal }) => (await ask(api.GET("/api/privacy/consents", { signal }))).documents,
})

export const text = (document: string) =>
  queryOptions({
    queryKey: ["privacy", "text", document],
    queryFn: ({ signal }) =>
      ask(api.GET("/api/privacy/documents/{document}", { signal, params: { path: { document } } })),
    staleTime: 3_600_000,
  })

export const retention = queryOptions({
  queryKey: ["privacy", "retention"],
  queryFn: async ({ signal }) => (await ask(api.GET("/api/privacy/retention", { signal }))).rules,
  staleTime: 3_600_000,
})
