// Which column of a CSV is what. Guessed where the names allow it, changed by hand.
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { type FormEvent, useState } from "react"
import { api, ask } from "../api/client"
import * as queries from "../api/queries"
import type { ImportPreview } from "../api/types"
import { Button } from "../ui/Button"
import { Card } from "../ui/Card"
import { Select } from "../ui/Field"

type Mapping = Record<string, string>

/** Whether the server still needs to be told the columns. */
export function needsMapping(p: Pick<ImportPreview, "format" | "rows" | "mapping">): boolean {
  if (p.format !== "csv") return false
  return (p.rows ?? []).length === 0 && !p.mapping?.date
}

const hints: { field: string; pattern: RegExp }[] = [
  { field: "date", pattern: /date|datum|buchung|valuta|fecha|tag$/i },
  { field: "description", pattern: /desc|text|memo|payee|name|verwendung|detail|concept/i },
  { field: "amount", pattern: /^(amount|betrag|importe|montant|value|sum)/i },
  { field: "debit", pattern: /debit|withdraw|out|soll|ausgang/i },
  { field: "credit", pattern: /credit|deposit|^in$|paid in|haben|eingang/i },
]

/** A first guess from the columns' names. */
export function guess(columns: string[]): Mapping {
  const mapping: Mapping = {}
  for (const { field, pattern } of hints) {
    const column = columns.find((c) => pattern.test(c) && !Object.values(mapping).includes(c))
    if (column) mapping[field] = column
  }
  if (mapping.amount) {
    delete mapping.debit
    delete mapping.credit
  }
  return mapping
}

export function ColumnMapping({ preview, onDone }: { preview: ImportPreview; onDone: () => void }) {
  const client = useQueryClient()
  const columns = preview.columns ?? []
  const given = preview.mapping ?? {}
  const [mapping, setMapping] = useState<Mapping>(() => (given.date ? given : guess(columns)))
  const [two, setTwo] = useState(Boolean(mapping.debit || mapping.credit))
  const set = (field: string) => (value: string) => setMapping({ ...mapping, [field]: value })
  const save = useMutation({
    mutationFn: (body: Mapping) =>
      ask(api.PUT("/api/imports/{id}/mapping", { params: { path: { id: preview.id } }, body })),
    onSuccess: (p) => {
      client.setQueryData(queries.importById(preview.id).queryKey, p)
      onDone()
    },
  })
  const submit = (e: FormEvent) => {
    e.preventDefault()
    const { amount, debit, credit, ...rest } = mapping
    const chosen = two
      ? { ...rest, debit: debit ?? "", credit: credit ?? "" }
      : { ...rest, amount: amount ?? "" }
    save.mutate(Object.fromEntries(Object.entries(chosen).filter(([, v]) => v !== "")))
  }
  const column = (field: string, label: string, required = true) => (
    <Select
      label={label}
      required={required}
      value={mapping[field] ?? ""}
      onChange={(e) => set(field)(e.target.value)}
    >
      <option value="">{required ? "Choose a column" : "None"}</option>
      {columns.map((c) => (
        <option key={c} value={c}>
          {c}
        </option>
      ))}
    </Select>
  )
  return (
    <Card id="mapping" title="What are the columns?" className="mx-auto max-w-2xl">
      <form onSubmit={submit} className="space-y-4">
        <p className="text-ink-2">
          Banks name them as they like. Tell us once; you’ll see the rows before anything is kept.
        </p>
        <div className="grid gap-4 sm:grid-cols-2">
          {column("date", "Date")}
          <Select
            label="Written as"
            value={mapping.dateFormat ?? ""}
            onChange={(e) => set("dateFormat")(e.target.value)}
          >
            <option value="">Find out by itself</option>
            <option value="YYYY-MM-DD">2026-12-31</option>
            <option value="MM/DD/YYYY">12/31/2026</option>
            <option value="DD/MM/YYYY">31/12/2026</option>
            <option value="DD.MM.YYYY">31.12.2026</option>
          </Select>
          {column("description", "What it was")}
          <Select
            label="Amounts stand in"
            value={two ? "two" : "one"}
            onChange={(e) => setTwo(e.target.value === "two")}
          >
            <option value="one">One column, with a sign</option>
            <option value="two">Two columns, in and out</option>
          </Select>
          {two ? (
            <>
              {column("credit", "Money in")}
              {column("debit", "Money out")}
            </>
          ) : (
            column("amount", "Amount")
          )}
        </div>
        {save.error && (
          <p role="alert" className="rounded-md bg-down-soft px-3 py-2">
            {save.error.message}
          </p>
        )}
        <div className="flex justify-end">
          <Button look="primary" type="submit" writes busy={save.isPending}>
            Show the rows
          </Button>
        </div>
      </form>
    </Card>
  )
}
