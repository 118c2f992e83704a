import { Link } from "@tanstack/react-router"
import { TriangleAlert } from "lucide-react"
import type { Account } from "../api/types"
import { ago } from "../format/dates"
import { accountGroups, accountType, label } from "../format/words"
import { Figure } from "../ui/Figure"
import { Mark } from "../ui/Mark"

/** Why an account's figure may be behind or missing, in words; undefined if it is as it should be. */
export function doubt(a: Account): string | undefined {
  if (a.needsReconnection)
    return `${a.institutionName} needs you to sign in again. Last known ${ago(a.asOf)}.`
  if (a.stale) return `Last known ${ago(a.asOf)}.`
  return undefined
}

export function accountTitle(a: Account): string {
  return a.nickname || a.accountName || a.name
}

/** Accounts by kind, as a list of links. */
export function AccountGroups({ accounts }: { accounts: Account[] }) {
  const shown = accounts.filter((a) => !a.hidden)
  return (
    <>
      {accountGroups.map((g) => {
        const members = shown.filter((a) => g.types.includes(a.type))
        if (members.length === 0) return null
        return (
          <section key={g.kind} aria-label={g.title} className="not-first:mt-1">
            <h3 className="px-5 pt-3 pb-1 text-xs font-medium text-ink-3 max-sm:px-4">{g.title}</h3>
            <ul>
              {members.map((a) => (
                <li key={a.id}>
                  <AccountLink account={a} />
                </li>
              ))}
            </ul>
          </section>
        )
      })}
    </>
  )
}

export function AccountLink({ account: a }: { account: Account }) {
  const why = doubt(a)
  return (
    <Link
      to="/accounts/$accountId"
      params={{ accountId: a.id }}
      className="row-y flex items-center gap-3 px-5 transition-colors hover:bg-sunken max-sm:px-4"
    >
      <Mark name={a.institutionName || a.name} />
      <span className="min-w-0 flex-1">
        <span className="flex items-center gap-1.5">
          <span className="truncate font-medium">{accountTitle(a)}</span>
          {a.mask && <span className="shrink-0 text-sm text-ink-3 max-sm:hidden">··{a.mask}</span>}
        </span>
        <span className="flex items-center gap-1 truncate text-sm text-ink-3">
          {why && <TriangleAlert className="size-3.5 shrink-0 text-warn" aria-hidden="true" />}
          <span className="truncate">
            {a.institutionName} ·{" "}
            {a.needsReconnection
              ? "Sign-in needed"
              : a.stale
                ? `as of ${ago(a.asOf)}`
                : label(a.subtype) || accountType(a.type)}
          </span>
        </span>
      </span>
      <span className="shrink-0 text-right">
        <span className="block font-medium">
          <Figure
            value={a.balance}
            why="The provider hasn’t said yet"
            uncertain={a.balance ? why : undefined}
          />
        </span>
        {a.balance && a.balanceInBase && a.balanceInBase.currency !== a.balance.currency && (
          <span className="block text-xs text-ink-3">
            ≈ <Figure value={a.balanceInBase} />
          </span>
        )}
        {a.balance && !a.balanceInBase && <span className="block text-xs text-warn">No exchange rate</span>}
      </span>
    </Link>
  )
}
