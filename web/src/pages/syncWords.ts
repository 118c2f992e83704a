// A running sync in words, from its real counts.
import type { SyncProgress } from "../api/live"
import { count } from "../format/words"

/** "Reading transactions: 240 so far" */
export function progressWords(p: SyncProgress | undefined): string {
  if (!p) return "Updating…"
  switch (p.phase) {
    case "accounts":
      return p.accounts > 0 ? `found ${count(p.accounts, "account")}` : "looking for accounts…"
    case "transactions":
      return p.fetched > 0
        ? `reading transactions, ${count(p.fetched, "row")} so far`
        : "reading transactions…"
    case "positions":
      return p.positions > 0
        ? `reading holdings, ${count(p.positions, "holding")} so far`
        : "reading holdings…"
    case "applying":
      return `putting ${count(p.fetched, "transaction")} in place…`
    case "done":
      return p.added > 0 ? `up to date, ${count(p.added, "new transaction")}` : "up to date"
    case "failed":
      return "the update didn’t finish; we’ll try again"
  }
}
