// The only door to the API. openapi-fetch types every call from the generated schema;
// this file adds what all calls share: one silent refresh when the session's short
// token has run out, and one kind of error.
import createClient from "openapi-fetch"
import { nameLook } from "./looking"
import { ApiError, endsSession, toApiError, unreachable } from "./problem"
import type { paths } from "./schema"

let refreshing: Promise<boolean> | undefined

/**
 * Asks for a new access cookie, once, however many calls or tabs want one. Tabs queue
 * on a lock; one that waited finds the cookie already fresh and the refresh harmless.
 * Resolves to whether the session lives on.
 */
export function refreshSession(): Promise<boolean> {
  refreshing ??= underLock(async () => {
    const answer = await fetch("/api/auth/refresh", { method: "POST", credentials: "same-origin" })
    return answer.ok
  })
    .catch(() => false)
    .finally(() => {
      refreshing = undefined
    })
  return refreshing
}

async function underLock(work: () => Promise<boolean>): Promise<boolean> {
  // Locks exist only in secure contexts; without them each tab refreshes for itself.
  if (!("locks" in navigator) || !navigator.locks) return work()
  return navigator.locks.request("flint-refresh", work)
}

// Calls that are about signing in: their 401 is an answer, not an ended session.
const untouched = /^\/api\/auth\/(login|link|mfa\/challenge|verify-sign-in|passkeys\/sign-in|refresh)$/

async function send(request: Request): Promise<Response> {
  nameLook(request)
  const again = request.clone()
  let answer: Response
  try {
    answer = await fetch(request)
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error
    throw unreachable()
  }
  if (answer.status !== 401 || untouched.test(new URL(request.url).pathname)) return answer
  if (!endsSession(answer.status, await codeOf(answer))) return answer
  if (!(await refreshSession())) return answer
  return fetch(again).catch(() => {
    throw unreachable()
  })
}

/** The code of a problem, read off a copy: the caller wants the answer too. */
async function codeOf(answer: Response): Promise<string | undefined> {
  const body: { code?: string } = await answer
    .clone()
    .json()
    .catch(() => ({}))
  return body.code
}

export const api = createClient<paths>({
  baseUrl: globalThis.location?.origin ?? "",
  credentials: "same-origin",
  fetch: send,
})

/** Unwraps an answer: the data of a success, or a thrown ApiError. */
export async function ask<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call
  if (!response.ok) throw toApiError(response.status, error, response.headers)
  return data as T
}

/** True for failures that a second try may mend. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false
  return error.kind === "offline" || error.kind === "unavailable" || error.kind === "too-many"
}
