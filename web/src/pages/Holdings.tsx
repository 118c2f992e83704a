import { useQuery } from "@tanstack/react-query"
import { clsx } from "clsx"
import * as queries from "../api/queries"
import type { AccountDetail, Holding, Position } from "../api/types"
import { percent, quantity, signOf } from "../format/money"
import { count } from "../format/words"
import { Card } from "../ui/Card"
import { Figure } from "../ui/Figure"

/** What an investment account holds: a table on wide screens, two-line rows on a phone. */
export function Holdings({ account }: { account: AccountDetail }) {
  const positions = account.positions ?? []
  const cash = account.cash ?? []
  const { data: holdings } = useQuery(queries.holdings)
  const gains = holdings?.filter((h) => h.accountId === account.id) ?? []
  const noPrice = positions.filter((p) => !p.currentPrice).length
  return (
    <Card id="holdings" title="Holdings" flush>
      {positions.length === 0 && cash.length === 0 ? (
        <p className="px-5 pt-2 pb-5 text-ink-2">Nothing is held here.</p>
      ) : (
        <table className="w-full">
          <thead className="text-left text-xs text-ink-3">
            <tr>
              <th scope="col" className="py-2 pl-5 font-medium max-sm:pl-4">
                What
              </th>
              <th scope="col" className="py-2 pl-3 text-right font-medium max-md:hidden">
                Quantity
              </th>
              <th scope="col" className="py-2 pl-3 text-right font-medium max-md:hidden">
                Price
              </th>
              <th scope="col" className="py-2 pl-3 text-right font-medium max-md:hidden">
                Gain
              </th>
              <th scope="col" className="py-2 pr-5 pl-3 text-right font-medium max-sm:pr-4">
                Value
              </th>
            </tr>
          </thead>
          <tbody>
            {positions.map((p, i) => (
              <Row
                // biome-ignore lint/suspicious/noArrayIndexKey: one symbol may be held in several lots
                key={`${p.symbol}${i}`}
                p={p}
                gain={gains.find((h) => h.symbol === p.symbol && h.quantity === p.quantity)}
              />
            ))}
            {cash.map((c) => (
              <tr key={c.currency} className="border-t border-line">
                <td className="row-y pl-5 max-sm:pl-4">
                  <span className="block font-medium">Cash</span>
                  <span className="block text-sm text-ink-3">{c.currency}</span>
                </td>
                <td colSpan={3} className="max-md:hidden" />
                <td className="pr-5 pl-3 text-right font-medium max-sm:pr-4">
                  <Figure value={{ amount: c.cash, currency: c.currency }} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {noPrice > 0 && (
        <p className="border-t border-line px-5 py-3 text-sm text-warn max-sm:px-4">
          {count(noPrice, "holding has", "holdings have")} no price we know, and{" "}
          {noPrice === 1 ? "isn’t" : "aren’t"} in the total.
        </p>
      )}
    </Card>
  )
}

function Row({ p, gain }: { p: Position; gain: Holding | undefined }) {
  const inCurrency = (amount: string | null) => (amount === null ? null : { amount, currency: p.currency })
  return (
    <tr className="border-t border-line">
      <td className="row-y w-full max-w-0 pl-5 max-sm:pl-4 md:w-[36%]">
        <span className="block truncate font-medium">{p.symbol}</span>
        <span className="block truncate text-sm text-ink-3">
          <span className="md:hidden">{quantity(p.quantity)} · </span>
          {p.name}
          {p.cashEquivalent && " · counts as cash"}
        </span>
      </td>
      <td className="pl-3 text-right max-md:hidden">
        <span className="figure">{quantity(p.quantity)}</span>
      </td>
      <td className="pl-3 text-right max-md:hidden">
        <Figure value={inCurrency(p.currentPrice)} why="No price is known" />
      </td>
      <td className="pl-3 text-right max-md:hidden">
        {gain?.profitLoss ? (
          <span
            className={clsx(
              signOf(gain.profitLoss) > 0 && "text-up",
              signOf(gain.profitLoss) < 0 && "text-down",
            )}
          >
            <Figure value={inCurrency(gain.profitLoss)} sign />
            <span className="block text-xs">{percent(gain.profitLossPercent, { sign: true })}</span>
          </span>
        ) : (
          <Figure value={null} why="The cost or the price isn’t known" />
        )}
      </td>
      <td className="pr-5 pl-3 text-right font-medium max-sm:pr-4">
        <Figure value={inCurrency(p.currentValue)} why="No price is known" />
      </td>
    </tr>
  )
}
