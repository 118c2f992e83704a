// One import: say what the columns are (CSV), see each row's verdict, choose the
// account, apply; afterwards, undo.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { Link, useParams } from "@tanstack/react-router"
import { clsx } from "clsx"
import { ChevronLeft, Undo2 } from "lucide-react"
import { type FormEvent, useState } from "react"
import { api, ask } from "../api/client"
import { ApiError } from "../api/problem"
import * as queries from "../api/queries"
import type { ImportPreview, ImportRow, Verdict } from "../api/types"
import { fullDay } from "../format/dates"
import { count, type Tone } from "../format/words"
import { Button, buttonClass } from "../ui/Button"
import { Card } from "../ui/Card"
import { Input, Select } from "../ui/Field"
import { Figure } from "../ui/Figure"
import { PageHead } from "../ui/PageHead"
import { Pill } from "../ui/Pill"
import { Failed, RowSkeletons } from "../ui/States"
import { useSay } from "../ui/Toasts"
import { accountTitle } from "./AccountGroups"
import { ColumnMapping, needsMapping } from "./ColumnMapping"
import { StatusPill } from "./Import"

export default function ImportPage() {
  const { importId } = useParams({ strict: false }) as { importId: string }
  const { data, error, refetch } = useQuery(queries.importById(importId))
  return (
    <>
      <Link to="/import" className="mb-3 inline-flex items-center gap-1 text-sm text-ink-2 hover:text-ink">
        <ChevronLeft className="size-4" aria-hidden="true" />
        Import
      </Link>
      {error && !data ? (
        <Card>
          <Failed what="this import" error={error} retry={() => void refetch()} />
        </Card>
      ) : data ? (
        <Loaded preview={data} />
      ) : (
        <Card flush>
          <RowSkeletons rows={8} what="the rows" />
        </Card>
      )}
    </>
  )
}

function Loaded({ preview }: { preview: ImportPreview }) {
  const [remap, setRemap] = useState(false)
  const waiting = preview.status === "preview"
  const mapping = waiting && (remap || needsMapping(preview))
  return (
    <>
      <PageHead
        tab={preview.filename}
        title={
          <span className="flex flex-wrap items-center gap-3">
            <span className="min-w-0 break-all">{preview.filename}</span>
            <StatusPill status={preview.status} />
          </span>
        }
        lead={`${preview.format.toUpperCase()} · ${count(preview.summary.new + preview.summary.duplicates + preview.summary.possible, "row")}`}
      >
        {waiting && preview.format === "csv" && !mapping && (
          <Button onClick={() => setRemap(true)}>Change columns</Button>
        )}
        {preview.status === "applied" && <Undo preview={preview} />}
      </PageHead>
      {waiting && preview.ambiguousDates && !mapping && (
        <p className="mb-5 flex flex-wrap items-center gap-3 rounded-xl bg-warn-soft px-4 py-3">
          <span className="flex-1 basis-60">
            Day and month could be the other way round in this file. Do the dates look right?
          </span>
          <Button size="sm" onClick={() => setRemap(true)}>
            Change
          </Button>
        </p>
      )}
      {preview.siblings.length > 0 && (
        <p className="mb-5 rounded-xl bg-sunken px-4 py-3 text-ink-2">
          This file holds {count(preview.siblings.length + 1, "statement")}; each is an import of its own:{" "}
          {preview.siblings.map((id, i) => (
            <Link key={id} to="/import/$importId" params={{ importId: id }} className="prose-link mr-3">
              {i + 1 === preview.siblings.length && preview.siblings.length === 1
                ? "the other one"
                : `another (${i + 1})`}
            </Link>
          ))}
        </p>
      )}
      {mapping ? (
        <ColumnMapping preview={preview} onDone={() => setRemap(false)} />
      ) : (
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 lg:grid-cols-[minmax(0,1.9fr)_minmax(0,1fr)]">
          <div className="lg:order-2 lg:sticky lg:top-6">
            {waiting ? <Apply preview={preview} /> : <Result preview={preview} />}
          </div>
          <Rows preview={preview} />
        </div>
      )}
    </>
  )
}

const verdicts: Record<Verdict, { word: string; tone: Tone }> = {
  new: { word: "New", tone: "good" },
  duplicate: { word: "Already there", tone: "plain" },
  possible_duplicate: { word: "Maybe double", tone: "warn" },
  skipped: { word: "Skipped", tone: "plain" },
}

function Rows({ preview }: { preview: ImportPreview }) {
  const rows = preview.rows ?? []
  const all =
    preview.summary.new + preview.summary.duplicates + preview.summary.possible + preview.summary.skipped
  return (
    <Card id="rows" title="Rows" flush>
      {rows.length === 0 ? (
        <p className="px-5 pt-1 pb-5 text-ink-2">There are no transactions in this file.</p>
      ) : (
        <ul>
          {rows.map((r) => (
            <Row
              key={r.ordinal}
              row={r}
              currency={r.currency || preview.statementAccounts?.[0]?.currency || "USD"}
            />
          ))}
        </ul>
      )}
      {all > rows.length && rows.length > 0 && (
        <p className="border-t border-line px-5 py-3 text-sm text-ink-3">
          The first {rows.length} of {count(all, "row")} are shown.
        </p>
      )}
    </Card>
  )
}

function Row({ row, currency }: { row: ImportRow; currency: string }) {
  const v = verdicts[row.verdict]
  const out = row.verdict === "duplicate" || row.verdict === "skipped"
  return (
    <li className="row-y flex items-center gap-3 border-t border-line px-5 first:border-t-0 max-sm:px-4">
      <span className="min-w-0 flex-1">
        <span className={clsx("block truncate", out ? "text-ink-3" : "font-medium")}>
          {row.description || "—"}
        </span>
        <span className="block truncate text-sm text-ink-3">
          {row.date && fullDay(row.date)}
          {row.reason && `${row.date ? " · " : ""}${row.reason}`}
        </span>
      </span>
      <Pill tone={v.tone}>{v.word}</Pill>
      <span className={clsx("w-28 shrink-0 text-right", out ? "text-ink-3" : "font-medium")}>
        <Figure
          value={row.amount === null ? null : { amount: row.amount, currency }}
          why="This line has no amount"
          colour={!out}
        />
      </span>
    </li>
  )
}

function useSettled() {
  const client = useQueryClient()
  return (preview: ImportPreview) => {
    client.setQueryData(queries.importById(preview.id).queryKey, preview)
    for (const key of ["imports", "accounts", "transactions", "dashboard", "wealth"]) {
      void client.invalidateQueries({ queryKey: [key] })
    }
  }
}

type Kind = "bank" | "card" | "loan" | "manual"

const kinds: { value: Kind; text: string }[] = [
  { value: "bank", text: "Bank account" },
  { value: "card", text: "Credit card" },
  { value: "loan", text: "Loan" },
  { value: "manual", text: "Something else" },
]

function Apply({ preview }: { preview: ImportPreview }) {
  const { data: accounts } = useQuery(queries.accounts)
  const { data: user } = useQuery(queries.user)
  const settled = useSettled()
  const say = useSay()
  const statement = preview.statementAccounts?.[0]
  const [chosen, setChosen] = useState<string>(preview.accountId ?? "")
  const [name, setName] = useState(preview.filename.replace(/\.[a-z]+$/i, ""))
  const [kind, setKind] = useState<Kind>(
    statement && ["bank", "card", "loan"].includes(statement.kind) ? statement.kind : "bank",
  )
  const [institution, setInstitution] = useState(statement?.institution ?? "")
  const [balance, setBalance] = useState("")
  const [currency, setCurrency] = useState(
    statement?.currency || preview.rows?.[0]?.currency || user?.currency || "USD",
  )
  // Asked only where the file doesn't say; the history is reckoned back from it.
  const asksBalance = !statement?.balance
  const held = asksBalance && balance.trim() ? { balance: balance.trim().replace(/[,\s]/g, "") } : {}
  const apply = useMutation({
    mutationFn: () =>
      ask(
        api.POST("/api/imports/{id}/apply", {
          params: { path: { id: preview.id } },
          body: chosen
            ? { accountId: chosen, ...held }
            : {
                newAccount: {
                  name: name.trim(),
                  kind,
                  currency: currency.toUpperCase(),
                  ...(institution.trim() ? { institution: institution.trim() } : {}),
                },
                ...held,
              },
        }),
      ),
    onSuccess: (done) => {
      settled({ ...preview, ...done })
      say(`${count(preview.summary.new + preview.summary.possible, "transaction")} added.`)
    },
  })
  const submit = (e: FormEvent) => {
    e.preventDefault()
    apply.mutate()
  }
  const nothing = preview.summary.new + preview.summary.possible === 0
  return (
    <Card id="apply" title="What will happen">
      <Summary preview={preview} />
      <form onSubmit={submit} className="mt-5 space-y-4 border-t border-line pt-5">
        <Select label="Into which account?" value={chosen} onChange={(e) => setChosen(e.target.value)}>
          <option value="">A new account</option>
          {accounts?.map((a) => (
            <option key={a.id} value={a.id}>
              {a.institutionName} · {accountTitle(a)} ({a.currency})
            </option>
          ))}
        </Select>
        {chosen === "" && (
          <>
            <Input
              label="Name"
              required
              maxLength={80}
              value={name}
              onChange={(e) => setName(e.target.value)}
            />
            <Input
              label="Bank"
              maxLength={80}
              placeholder="Optional"
              value={institution}
              onChange={(e) => setInstitution(e.target.value)}
            />
            <div className="grid grid-cols-[1fr_6rem] gap-3">
              <Select label="Kind" value={kind} onChange={(e) => setKind(e.target.value as Kind)}>
                {kinds.map((k) => (
                  <option key={k.value} value={k.value}>
                    {k.text}
                  </option>
                ))}
              </Select>
              <Input
                label="Currency"
                required
                maxLength={3}
                pattern="[A-Za-z]{3}"
                value={currency}
                onChange={(e) => setCurrency(e.target.value)}
              />
            </div>
          </>
        )}
        {asksBalance && (
          <Input
            label="Balance after the last row"
            inputMode="decimal"
            placeholder="Optional, such as 1234.56"
            value={balance}
            onChange={(e) => setBalance(e.target.value)}
            hint="The file doesn’t say. Without it, the account’s balance stays unknown."
            error={apply.error instanceof ApiError ? apply.error.field("balance") : undefined}
          />
        )}
        {apply.error && (
          <p role="alert" className="rounded-md bg-down-soft px-3 py-2">
            {apply.error.message}
          </p>
        )}
        <Button
          look="primary"
          type="submit"
          writes
          className="w-full"
          busy={apply.isPending}
          disabled={nothing}
        >
          {nothing
            ? "Nothing new in this file"
            : `Add ${count(preview.summary.new + preview.summary.possible, "transaction")}`}
        </Button>
      </form>
    </Card>
  )
}

function Summary({ preview }: { preview: ImportPreview }) {
  const s = preview.summary
  const lines = [
    { n: s.new, text: "new", note: "" },
    { n: s.possible, text: "maybe double", note: "added, and marked so that you can look" },
    { n: s.duplicates, text: "already there", note: "left out" },
    { n: s.skipped, text: "skipped", note: "couldn’t be read as transactions" },
  ].filter((l) => l.n > 0)
  return (
    <>
      <ul className="space-y-2">
        {lines.map((l) => (
          <li key={l.text} className="flex items-baseline gap-2">
            <span className="w-10 shrink-0 text-right font-semibold tabular-nums">{l.n}</span>
            <span>
              {l.text}
              {l.note && <span className="text-ink-3">, {l.note}</span>}
            </span>
          </li>
        ))}
        {lines.length === 0 && <li className="text-ink-2">No rows.</li>}
      </ul>
      {s.investments > 0 && (
        <p className="mt-3 text-sm text-warn">
          {count(s.investments, "investment statement")} in the file can’t be imported yet.
        </p>
      )}
      {s.unknownElements > 0 && (
        <p className="mt-3 text-sm text-ink-3">
          {count(s.unknownElements, "part")} of the file that we don’t know{" "}
          {s.unknownElements === 1 ? "was" : "were"} passed over.
        </p>
      )}
    </>
  )
}

function Result({ preview }: { preview: ImportPreview }) {
  return (
    <Card id="result" title={preview.status === "applied" ? "Done" : "Undone"}>
      {preview.status === "applied" ? (
        <>
          <Summary preview={preview} />
          {preview.accountId && (
            <Link
              to="/transactions"
              search={{ accountId: preview.accountId }}
              className={buttonClass("primary", "md", "mt-5 w-full")}
            >
              See the transactions
            </Link>
          )}
        </>
      ) : (
        <Taken undone={preview.summary.undone} />
      )}
    </Card>
  )
}

/** What undoing did, with the rows that it had to leave. */
function Taken({ undone }: { undone: ImportPreview["summary"]["undone"] }) {
  return (
    <div className="space-y-2 text-ink-2">
      <p>
        {undone
          ? `${count(undone.removed, "transaction is", "transactions are")} gone again.`
          : "What this file brought is gone again."}{" "}
        You can import it anew at any time.
      </p>
      {undone && undone.kept > 0 && (
        <p>
          {count(undone.kept, "transaction stays", "transactions stay")}: the bank has confirmed them since.
        </p>
      )}
    </div>
  )
}

function Undo({ preview }: { preview: ImportPreview }) {
  const settled = useSettled()
  const say = useSay()
  const undo = useMutation({
    mutationFn: () => ask(api.POST("/api/imports/{id}/undo", { params: { path: { id: preview.id } } })),
    onSuccess: (done) => {
      settled({ ...preview, ...done })
      say("Undone. What the file brought is gone again.")
    },
    onError: (e) => say(e.message, { bad: true }),
  })
  return (
    <Button writes icon={<Undo2 />} busy={undo.isPending} onClick={() => undo.mutate()}>
      Undo this import
    </Button>
  )
}
