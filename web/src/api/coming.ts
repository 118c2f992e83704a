// What the API answers about consents, screening, holds and the names of devices.
import { api } from "./client"

export interface Document {
  document: string
  version: string
  title: string
  summary: string
  url: string
  required: boolean
  acceptedVersion: string | null
  acceptedAt: string | null
}

export interface DocumentText {
  document: string
  version: string
  title: string
  text: string
}

export interface Screening {
  id: string
  userId: string
  email: string
  name: string
  occasion: string
  list: string
  entry: string
  score: number
  state: "open" | "cleared" | "confirmed"
  createdAt: string
  decidedAt: string | null
  decidedBy: string | null
  note: string
}

export interface Hold {
  id: string
  reason: string
  createdAt: string
  createdBy: string | null
  endedAt: string | null
}

interface Answers {
  "/api/privacy/consents": { get: { documents: Document[] }; post: Document }
  "/api/privacy/documents/{document}": { get: DocumentText; post: never }
  "/api/admin/screenings": { get: { screenings: Screening[]; nextCursor: string | null }; post: never }
  "/api/admin/screenings/{id}/decide": { get: never; post: Screening }
  "/api/admin/users/{id}/holds": { get: { holds: Hold[] }; post: Hold }
  "/api/admin/users/{id}/holds/{hold}/end": { get: never; post: Hold }
}

interface Options {
  signal?: AbortSignal
  params?: { path?: Record<string, string>; query?: Record<string, string> }
  body?: unknown
}

type Call<T> = Promise<{ data?: T; error?: unknown; response: Response }>

export const coming = api as unknown as {
  GET<P extends keyof Answers>(path: P, options?: Options): Call<Answers[P]["get"]>
  PATCH(path: "/api/auth/devices/{id}", options: Options): Call<{ name: string }>
  POST<P extends keyof Answers>(path: P, options?: Options): Call<Answers[P]["post"]>
}
