// Support looking at somebody's data, with their leave: in this tab alone, each request names
// the look, and the server answers as it would answer the person. It only ever reads.

export interface Look {
  id: string
  until: string
}

const slot = "flint-look"

/** The look that goes on in this tab, if one does. */
export function currentLook(): Look | undefined {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(slot) ?? "null")
    if (typeof kept !== "object" || kept === null || !("id" in kept) || !("until" in kept)) return undefined
    return { id: String(kept.id), until: String(kept.until) }
  } catch {
    return undefined
  }
}

/** Begins to look. A new document follows, so that nothing of one person's stays on another's page. */
export function beginLook(look: Look): void {
  sessionStorage.setItem(slot, JSON.stringify({ id: look.id, until: look.until }))
  location.assign("/")
}

/** Forgets the look, and goes back to one's own account. */
export function leaveLook(): void {
  sessionStorage.removeItem(slot)
  location.assign("/")
}

// What stays the looker's own: their session, their proofs, and the staff's pages.
const own = /^\/api\/(admin\/|app$|auth\/(login|link|logout|refresh|step-up|passkeys\/sign-in))/

/** Names the look in a request, if one goes on and the request is about the person's data. */
export function nameLook(request: Request): void {
  const look = currentLook()
  if (look && !own.test(new URL(request.url).pathname)) request.headers.set("X-Flint-Support", look.id)
}
