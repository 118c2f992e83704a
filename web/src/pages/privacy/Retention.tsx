// How long what is kept, as the job that removes it reads it too.
import { useQuery } from "@tanstack/react-query"
import { Card } from "../../ui/Card"
import { Failed, Loading, Skeleton } from "../../ui/States"
import * as queries from "./queries"

/** "7 years", "90 days" */
export function span(days: number): string {
  return days % 365 === 0 ? `${days / 365} ${days === 365 ? "year" : "years"}` : `${days} days`
}

export function Retention() {
  const { data, error, refetch } = useQuery(queries.retention)
  return (
    <Card id="retention" title="How long what is kept">
      {error && !data ? (
        <Failed what="how long what is kept" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Loading what="how long what is kept">
          <div className="space-y-4 py-1">
            {[1, 2, 3, 4, 5, 6, 7, 8].map((n) => (
              <Skeleton key={n} className="h-4 w-full" />
            ))}
          </div>
        </Loading>
      ) : (
        <table className="w-full">
          <caption className="sr-only">How long what is kept, and from when on that is counted</caption>
          <thead className="sr-only">
            <tr>
              <th scope="col">What</th>
              <th scope="col">How long</th>
            </tr>
          </thead>
          <tbody>
            {data.map((r) => (
              <One
                key={r.name}
                name={r.name.charAt(0).toUpperCase() + r.name.slice(1)}
                from={`from ${r.from}`}
              >
                {span(r.days)}
              </One>
            ))}
            <One
              name="Security log"
              from="its proof needs every entry; what is personal in it can’t be read once you are erased"
            >
              no end
            </One>
          </tbody>
        </table>
      )}
    </Card>
  )
}

function One({ name, from, children }: { name: string; from: string; children: string }) {
  return (
    <tr className="border-t border-line first:border-t-0">
      <th scope="row" className="py-2 pr-4 text-left font-normal">
        {name}
        <span className="block text-sm text-ink-3">{from}</span>
      </th>
      <td className="py-2 text-right align-top whitespace-nowrap">{children}</td>
    </tr>
  )
}
