import type { JudgedSignIn } from "../../api/types"
import { when } from "../../format/dates"

const names: Record<string, string> = {
  deviceKnown: "Known device",
  deviceTrusted: "Trusted device",
  hintsChanged: "Browser differs",
  factor: "Second step",
  breached: "Password leaked",
  earlierSignIns: "Earlier sign-ins",
  failures: "Wrong tries",
  network: "Network",
  country: "Country",
  list: "List of addresses",
  last: "Sign-in before",
}

/** Tries with a wrong password, by what they are counted for. */
const tries: Record<string, string> = {
  AccountHour: "for this account in an hour",
  AccountDay: "for it in a day",
  NetworkHour: "from this network in an hour",
  NetworkAccounts: "accounts from this network in an hour",
  EveryAccounts: "accounts from anywhere in ten minutes",
}

/** What a score was counted from, in words; what is new on the server, by the name it has there. */
export function counted(d: JudgedSignIn): [name: string, value: string][] {
  const inputs: Record<string, unknown> = { network: d.network, ...d.inputs }
  return Object.entries(inputs)
    .filter(([, v]) => v !== "" && v !== null)
    .map(([name, v]) => [names[name] ?? name, name === "last" ? last(String(v)) : said(v)])
}

function said(value: unknown): string {
  if (typeof value === "boolean") return value ? "yes" : "no"
  if (typeof value !== "object" || value === null) return String(value)
  const some = Object.entries(value).filter(([, n]) => n)
  return some.map(([of, n]) => `${n} ${tries[of] ?? of}`).join(", ") || "none"
}

/** "2026-11-20T10:00:00Z US" */
function last(value: string): string {
  const [at = "", ...rest] = value.split(" ")
  return [Number.isNaN(Date.parse(at)) ? at : when(at), ...rest].filter(Boolean).join(", ")
}
