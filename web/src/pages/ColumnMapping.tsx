// Which column of a CSV is what. The server guesses; people correct it here.
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { type FormEvent, useState } from "react"
import { api, ask } from "../api/client"
import { ApiError } from "../api/problem"
import * as queries from "../api/queries"
import type { ColumnNames, ImportPreview } from "../api/types"
import { Button } from "../ui/Button"
import { Card } from "../ui/Card"
import { Select } from "../ui/Field"

type Named = "date" | "description" | "memo" | "amount" | "debit" | "credit"

// The server's formats, each shown by an example; separators don't matter to it.
const dateFormats = [
  ["YYYY-MM-DD", "2026-12-31"],
  ["YYYYMMDD", "20261231"],
  ["MM/DD/YYYY", "12/31/2026"],
  ["DD/MM/YYYY", "31/12/2026"],
  ["MM/DD/YY", "12/31/26"],
  ["DD/MM/YY", "31/12/26"],
  ["DD MMM YYYY", "31 Dec 2026"],
  ["DD MMM YY", "31 Dec 26"],
  ["MMM DD, YYYY", "Dec 31, 2026"],
] as const

/** Whether the server couldn't tell the columns and has to be told. */
export function needsMapping(p: Pick<ImportPreview, "format" | "rows" | "mapping">): boolean {
  return p.format === "csv" && (p.rows ?? []).length === 0 && !p.mapping?.date
}

/** What is sent: either one column of amounts or two, and nothing that wasn't chosen. */
export function chosen(m: ColumnNames, two: boolean): ColumnNames {
  const { amount, debit, credit, direction, ...rest } = m
  const all: ColumnNames = two ? { ...rest, debit, credit } : { ...rest, amount, direction }
  return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== "" && v !== undefined))
}

export function ColumnMapping({ preview, onDone }: { preview: ImportPreview; onDone: () => void }) {
  const client = useQueryClient()
  const columns = preview.columns ?? []
  const [mapping, setMapping] = useState<ColumnNames>(preview.mapping ?? {})
  const [two, setTwo] = useState(!mapping.amount && Boolean(mapping.debit || mapping.credit))
  const set = (change: ColumnNames) => setMapping({ ...mapping, ...change })
  const save = useMutation({
    mutationFn: (body: ColumnNames) =>
      ask(api.PUT("/api/imports/{id}/mapping", { params: { path: { id: preview.id } }, body })),
    onSuccess: (p) => {
      client.setQueryData(queries.importById(preview.id).queryKey, p)
      onDone()
    },
  })
  const submit = (e: FormEvent) => {
    e.preventDefault()
    save.mutate(chosen(mapping, two))
  }
  const rejected = (field: string) => (save.error instanceof ApiError ? save.error.field(field) : undefined)
  const column = (field: Named, label: string, required = true) => (
    <Select
      label={label}
      required={required}
      error={rejected(field)}
      value={mapping[field] ?? ""}
      onChange={(e) => set({ [field]: e.target.value })}
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
      <form onSubmit={submit} className="space-y-5">
        <p className="text-ink-2">
          Banks name them as they like. Tell us once; you’ll see the rows before anything is kept.
        </p>
        <div className="grid gap-4 sm:grid-cols-2">
          {column("date", "Date")}
          <Select
            label="Dates are written as"
            error={rejected("dateFormat")}
            value={mapping.dateFormat ?? ""}
            onChange={(e) => set({ dateFormat: e.target.value })}
          >
            <option value="">Find out</option>
            {mapping.dateFormat && !dateFormats.some(([f]) => f === mapping.dateFormat) && (
              <option value={mapping.dateFormat}>{mapping.dateFormat}</option>
            )}
            {dateFormats.map(([format, example]) => (
              <option key={format} value={format}>
                {example}
              </option>
            ))}
          </Select>
          {column("description", "What it was")}
          {column("memo", "More about it", false)}
          <Select
            label="Amounts stand in"
            value={two ? "two" : "one"}
            onChange={(e) => setTwo(e.target.value === "two")}
          >
            <option value="one">One column, with a sign</option>
            <option value="two">Two columns, in and out</option>
          </Select>
          <Select
            label="Amounts are written as"
            value={mapping.decimalComma === undefined ? "" : mapping.decimalComma ? "comma" : "point"}
            onChange={(e) =>
              set({ decimalComma: e.target.value === "" ? undefined : e.target.value === "comma" })
            }
          >
            <option value="">Find out</option>
            <option value="point">1,234.56</option>
            <option value="comma">1.234,56</option>
          </Select>
          {two ? (
            <>
              {column("credit", "Money in", false)}
              {column("debit", "Money out", false)}
            </>
          ) : (
            column("amount", "Amount")
          )}
        </div>
        <label className="flex items-center gap-2.5">
          <input
            type="checkbox"
            className="size-4 accent-[var(--accent-fill)]"
            checked={mapping.invert ?? false}
            onChange={(e) => set({ invert: e.target.checked })}
          />
          The file writes spending as positive (many cards do)
        </label>
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
