import { safeReturn } from "../shell/session"

/** Where to go once signed in: back to the page that asked for it, if it is ours. */
export function destination(search: string): string {
  return safeReturn(new URLSearchParams(search).get("next"))
}
