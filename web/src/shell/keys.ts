// Keyboard shortcuts of the whole app. Pages add their own (j/k on lists) themselves.

export interface Press {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  altKey: boolean
}

export type Place = "/" | "/accounts" | "/transactions" | "/connections" | "/import" | "/settings/security"

export type Command =
  | { do: "go"; to: Place }
  | { do: "privacy" | "theme" | "help" | "search" }
  | { do: "wait" } // the first key of two
  | undefined

const places: Record<string, Place> = {
  d: "/",
  a: "/accounts",
  t: "/transactions",
  c: "/connections",
  i: "/import",
  s: "/settings/security",
}

/** What a key means, given whether `g` was pressed just before. */
export function command(press: Press, afterG: boolean): Command {
  if (press.ctrlKey || press.metaKey || press.altKey) return undefined
  if (afterG) {
    const to = places[press.key]
    return to ? { do: "go", to } : undefined
  }
  switch (press.key) {
    case "g":
      return { do: "wait" }
    case ".":
      return { do: "privacy" }
    case "t":
      return { do: "theme" }
    case "?":
      return { do: "help" }
    case "/":
      return { do: "search" }
    default:
      return undefined
  }
}

/** Whether a key belongs to what is being typed or to an open window, and not to the page. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable) return true
  return (
    ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) ||
    target.closest("[role=dialog],[role=menu]") !== null
  )
}

export const shortcuts: { keys: string[]; what: string }[] = [
  { keys: ["g", "d"], what: "Dashboard" },
  { keys: ["g", "a"], what: "Accounts" },
  { keys: ["g", "t"], what: "Transactions" },
  { keys: ["g", "c"], what: "Connections" },
  { keys: ["g", "i"], what: "Import" },
  { keys: ["g", "s"], what: "Security settings" },
  { keys: ["/"], what: "Search transactions" },
  { keys: ["j"], what: "Next transaction" },
  { keys: ["k"], what: "Previous transaction" },
  { keys: ["Enter"], what: "Open" },
  { keys: ["Esc"], what: "Close" },
  { keys: ["[", "]"], what: "Shorter or longer period" },
  { keys: ["."], what: "Hide or show figures" },
  { keys: ["t"], what: "Theme: system, light, dark" },
  { keys: ["?"], what: "This list" },
]
