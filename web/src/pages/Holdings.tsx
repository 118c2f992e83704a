import type { AccountDetail, Position } from "../api/types"
import { percent, quantity, signOf } from "../format/money"
import { count } from "../format/words"
import { Card } from "../ui/Card"
import { Figure } from "../ui/Figure"

/** What an investment account holds: a table on wide screens, two-line rows on a phone. */
export function Holdings({ account }: { account: AccountDetail }) {
  const positions = account.positions ?? []
  const cash = account.cash ?? []
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
              // biome-ignore lint/suspicious/noArrayIndexKey: one symbol may be held in several lots
              <Holding key={`${p.symbol}${i}`} p={p} />
            ))}
            {cash.map((c) => (
              <tr key={c.currency} className="border-t border-line">
                <td className="row-y pl-5 max-sm:pl-4">
                  <span className="block font-medium">Cash</span>
                  <span className="block text-sm text-ink-3">{c.currency}</span>
                </td>
                <td colSpan={3} className="max-md:hidden" />
                <td className="pr-5 pl-3 text-right font-medium max-sm:pr-4">
                  <Figure value={c.cash} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {noPrice > 0 && (
        <p className="border-t border-line px-5 py-3 text-sm text-warn max-sm:px-4">
          {count(noPrice, "holding has", "holdings have")} no price we know, and {noPrice === 1 ? "isn’t" : "aren’t"} in the total.
        </p>
      )}
    </Card>
  )
}

function Holding({ p }: { p: Position }) {
  return (
    <tr className="border-t border-line">
      <td className="row-y max-w-0 pl-5 max-sm:pl-4 md:w-[36%]">
        <span className="block truncate font-medium">{p.symbol}</span>
        <span className="block truncate text-sm text-ink-3">
          <span className="md:hidden">{quantity(p.quantity)} · </span>
          {p.name}
        </span>
      </td>
      <td className="pl-3 text-right max-md:hidden">
        <span className="figure">{quantity(p.quantity)}</span>
      </td>
      <td className="pl-3 text-right max-md:hidden">
        <Figure value={p.currentPrice} why="No price is known" />
      </td>
      <td className="pl-3 text-right max-md:hidden">
        {p.profitLoss ? (
          <span className={signOf(p.profitLoss.amount) < 0 ? "text-down" : "text-up"}>
            <Figure value={p.profitLoss} sign />
            <span className="block text-xs">{percent(p.profitLossPercent, { sign: true })}</span>
          </span>
        ) : (
          <Figure value={null} why="The cost or the price isn’t known" />
        )}
      </td>
      <td className="pr-5 pl-3 text-right font-medium max-sm:pr-4">
        <Figure value={p.currentValue} why="No price is known" />
      </td>
    </tr>
  )
}
