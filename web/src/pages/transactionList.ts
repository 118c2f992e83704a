import type { Transaction } from "../api/types"

export type Item = { kind: "day"; key: string; day: string } | { kind: "row"; key: string; t: Transaction }

/** Puts a heading before each day's first row. Rows come newest first from the server. */
export function flatten(rows: Transaction[]): Item[] {
  const items: Item[] = []
  let day = ""
  for (const t of rows) {
    if (t.date !== day) {
      day = t.date
      items.push({ kind: "day", key: `day-${day}`, day })
    }
    items.push({ kind: "row", key: t.id, t })
  }
  return items
}

/** The id of the row after (or before) a given one; without one, the first. */
export function neighbour(rows: Transaction[], id: string | undefined, by: 1 | -1): string | undefined {
  const at = rows.findIndex((t) => t.id === id)
  if (at < 0) return rows[0]?.id
  return rows[Math.min(rows.length - 1, Math.max(0, at + by))]?.id
}
