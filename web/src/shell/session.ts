// Ways in and out of the signed-in app. Both are full document loads: nothing of one
// person's session stays in memory for the next.
import { api, ask } from "../api/client"
import { setPrefs } from "./prefs"

/** Whether a path is one of ours to return to; anything else could lead off the site. */
export function safeReturn(path: string | null | undefined): string {
  if (!path?.startsWith("/") || path.startsWith("//") || path.includes("\\")) return "/"
  return path
}

/** Goes to the sign-in page and comes back here afterwards. */
export function toSignIn(): void {
  const here = location.pathname + location.search
  location.assign(here === "/" ? "/signin" : `/signin?next=${encodeURIComponent(here)}`)
}

export async function signOut(): Promise<void> {
  await ask(api.POST("/api/auth/logout", { body: {} })).catch(() => undefined)
  setPrefs({}) // the answer made the browser empty its storage; how Flint looks is nobody's secret
  location.assign("/signin")
}
