// Words for the codes of the API.
import type { AccountType, Connection, Missing, SyncRun } from "../api/types"

const plurals = new Intl.PluralRules("en")
const number = new Intl.NumberFormat(undefined)

/** count(3, "account") → "3 accounts" */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${number.format(n)} ${plurals.select(n) === "one" ? one : many}`
}

/** Accounts by kind, in the groups that the server's totals are made of, so that rows add up to their heading. */
export const accountGroups: {
  kind: "cash" | "investment" | "crypto" | "debt"
  title: string
  types: AccountType[]
}[] = [
  { kind: "cash", title: "Cash", types: ["bank", "manual"] },
  { kind: "investment", title: "Investments", types: ["investment"] },
  { kind: "crypto", title: "Crypto", types: ["crypto"] },
  { kind: "debt", title: "Debts", types: ["credit", "loan"] },
]

const typeNames: Record<AccountType, string> = {
  bank: "Bank account",
  credit: "Credit card",
  loan: "Loan",
  investment: "Investment account",
  crypto: "Crypto",
  manual: "By hand",
}

export function accountType(type: AccountType): string {
  return typeNames[type] ?? "Account"
}

const acronyms = /\b(ira|hsa|cd|etf|tfsa|rrsp|isa|atm|ach|fx|usd|eur|gbp)\b/gi

/** "money_market" → "Money market", "roth_ira" → "Roth IRA" */
export function label(code: string): string {
  if (!code) return ""
  const text = code.replace(/[_-]+/g, " ").trim()
  return (text.charAt(0).toUpperCase() + text.slice(1)).replace(acronyms, (a) => a.toUpperCase())
}

export type Tone = "good" | "busy" | "warn" | "bad" | "plain"

/** A connection's state as a pill: a word and a tone. */
export function connectionState(c: Pick<Connection, "status" | "syncing">): { word: string; tone: Tone } {
  if (c.syncing) return { word: "Updating", tone: "busy" }
  switch (c.status) {
    case "healthy":
      return { word: "Up to date", tone: "good" }
    case "pending":
      return { word: "Setting up", tone: "busy" }
    case "degraded":
      return { word: "Delayed", tone: "warn" }
    case "reauth":
      return { word: "Sign-in needed", tone: "bad" }
    case "disconnected":
      return { word: "Disconnected", tone: "bad" }
    case "quarantined":
      return { word: "Paused", tone: "warn" }
  }
}

export function via(provider: string): string {
  if (provider === "teller") return "Teller"
  if (provider === "snaptrade") return "SnapTrade"
  return provider ? label(provider) : "by hand"
}

export function runTrigger(run: Pick<SyncRun, "trigger">): string {
  const words: Record<string, string> = {
    link: "First sync",
    webhook: "The provider said something changed",
    schedule: "Regular update",
    person: "You asked",
    requeue: "Something changed during the last update",
    reconnect: "After reconnecting",
  }
  return words[run.trigger] ?? label(run.trigger)
}

/** What a finished run did, in one line: "12 new, 3 changed". */
export function runSummary(run: SyncRun): string {
  const parts = [
    run.added > 0 && `${number.format(run.added)} new`,
    run.updated > 0 && `${number.format(run.updated)} changed`,
    run.superseded > 0 && `${number.format(run.superseded)} posted`,
    run.removed > 0 && `${number.format(run.removed)} removed`,
    run.positions > 0 && count(run.positions, "holding"),
  ].filter((p): p is string => typeof p === "string")
  return parts.length > 0 ? parts.join(" · ") : "Nothing new"
}

/** What a total leaves out, as a sentence. */
export function missingWords(m: Missing): string {
  switch (m.what) {
    case "rate":
      return `There is no exchange rate for ${m.detail} today.`
    case "price":
      return `No price is known for ${m.detail}.`
    case "balance":
      return `The balance of ${m.detail} isn’t known yet.`
    default:
      return m.detail || m.what
  }
}

const initialisms =
  /^(IKEA|CVS|UPS|USPS|AMC|KFC|BP|REI|HBO|IRS|ATM|ACH|DMV|TJ|AT&T|H&M|LA|NYC|USA|UK|TV|LLC|ETF|IRA)$/

/**
 * A merchant's name as people write it. Banks shout: "BEST BUY" becomes "Best Buy". A name
 * with any small letter was written by someone who cared, and stays.
 */
export function merchantName(name: string): string {
  if (/\p{Ll}/u.test(name) || /\d/.test(name)) return name
  return name
    .split(" ")
    .map((w) => (initialisms.test(w) ? w : w.charAt(0) + w.slice(1).toLowerCase()))
    .join(" ")
}

/** Two letters for an institution without a logo. */
export function monogram(name: string): string {
  const words = name
    .replace(/[^\p{L}\p{N}\s]/gu, " ")
    .split(/\s+/)
    .filter((w) => /^\p{L}/u.test(w))
  const [a, b] = words
  if (!a) return "?"
  return (b ? a.charAt(0) + b.charAt(0) : a.slice(0, 2)).toUpperCase()
}
