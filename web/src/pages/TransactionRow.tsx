import { clsx } from "clsx"
import type { Transaction } from "../api/types"
import { shortDay } from "../format/dates"
import { label, merchantName } from "../format/words"
import { Figure } from "../ui/Figure"
import { Mark } from "../ui/Mark"

/** The inside of a transaction's row: who, what, how much. Pending rows are dotted and say so. */
export function TransactionRow({ t, dated }: { t: Transaction; dated?: boolean }) {
  const name = merchantName(t.merchant) || t.description || label(t.type)
  const pending = t.status === "pending"
  return (
    <span className="flex items-center gap-3">
      <Mark name={name} />
      <span className="min-w-0 flex-1 text-left">
        <span className={clsx("block truncate font-medium", pending && "text-ink-2")}>{name}</span>
        <span className="block truncate text-sm text-ink-3">
          {dated && `${shortDay(t.date)} · `}
          {t.category ? `${label(t.category)} · ` : ""}
          {t.accountName}
        </span>
      </span>
      <span className="shrink-0 text-right">
        <span className={clsx("block font-medium", pending && "border-b border-dotted border-ink-3")}>
          <Figure
            value={{ amount: t.amount, currency: t.currency }}
            colour
            sign={!t.amount.startsWith("-")}
          />
        </span>
        {pending && <span className="block text-xs text-ink-3">Pending</span>}
        {!pending && t.maybeDuplicateOf && <span className="block text-xs text-warn">Double?</span>}
      </span>
    </span>
  )
}
