// API keys: how people's own programs read their data.
import { useQuery } from "@tanstack/react-query"
import { Copy, KeySquare, Plus, TriangleAlert } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import { asApiError } from "../../api/problem"
import type { ApiKey, MadeKey } from "../../api/types"
import { FormProblem } from "../../auth/Notice"
import { useSubmit } from "../../auth/useSubmit"
import { ago, fullDay, today } from "../../format/dates"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Input, Select } from "../../ui/Field"
import { Confirm, Modal } from "../../ui/Overlay"
import { Pill } from "../../ui/Pill"
import { Empty, Failed, RowSkeletons } from "../../ui/States"
import { useSay } from "../../ui/Toasts"
import * as queries from "./queries"
import { Row } from "./Row"
import { useGuard } from "./StepUp"

export function Keys() {
  const { data, error, refetch } = useQuery(queries.keys)
  const [making, setMaking] = useState(false)
  const make = (
    <Button writes size="sm" icon={<Plus />} onClick={() => setMaking(true)}>
      Make a key
    </Button>
  )
  const list = data?.keys ?? []
  return (
    <Card id="keys" title="API keys" flush aside={data?.allowed && list.length > 0 ? make : undefined}>
      {error && !data ? (
        <Failed what="your API keys" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={2} what="your API keys" />
      ) : (
        <>
          {!data.allowed && <Locked some={list.length > 0} />}
          {data.allowed && list.length === 0 && (
            <Empty icon={<KeySquare />} title="No API keys" action={make}>
              With one, a program of yours reads your balances, holdings and transactions. It can change
              nothing.
            </Empty>
          )}
          {list.length > 0 && (
            <ul aria-label="API keys">
              {list.map((k) => (
                <One key={k.id} apiKey={k} works={data.allowed} />
              ))}
            </ul>
          )}
        </>
      )}
      <Modal open={making} onClose={() => setMaking(false)} title="Make an API key">
        <Make onDone={() => setMaking(false)} />
      </Modal>
    </Card>
  )
}

/** What a plan without keys lacks: a look at it, and which plans have it. */
function Locked({ some }: { some: boolean }) {
  return (
    <div className="px-5 py-3 max-sm:px-4">
      <p className="text-ink-2">
        With an API key, a program of yours reads your balances, holdings and transactions: a spreadsheet, a
        script, a screen on the wall.{" "}
        <strong className="font-medium text-ink">Keys come with the Pro and Premium plans.</strong>
        {some && " Yours are kept, and work again when you have one of these."}
      </p>
      {!some && (
        <div
          aria-hidden="true"
          className="mt-4 overflow-hidden rounded-lg border border-line bg-sunken p-4 font-mono text-xs leading-5 text-ink-3 select-none"
        >
          <p className="truncate">
            $ curl -H <span className="text-accent">"Authorization: Bearer flint_key_…"</span>
          </p>
          <p className="truncate">
            {"{ "}"totalBalance": {"{ "}"amount": <span className="text-up">"48210.16"</span> {"} }"}
          </p>
        </div>
      )}
    </div>
  )
}

const lifetimes = [
  { days: 7, text: "A week" },
  { days: 30, text: "30 days" },
  { days: 90, text: "90 days" },
  { days: 365, text: "A year" },
]

function Make({ onDone }: { onDone: () => void }) {
  const guard = useGuard()
  const changed = queries.useChanged("keys")
  const [days, setDays] = useState(90)
  const { busy, error, answer, onSubmit } = useSubmit(async ({ name = "" }) => {
    const body = { name: name.trim(), expiresInDays: days }
    const made = await guard(() => ask(api.POST("/api/keys", { body })))
    changed()
    return made
  })
  if (answer) return <Shown made={answer} onDone={onDone} />
  const ends = new Date()
  ends.setDate(ends.getDate() + days)
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <FormProblem error={error} />
      <p className="text-ink-2">
        It reads your balances, holdings, history and transactions. It can’t change anything or see how you
        sign in.
      </p>
      <Input
        label="What it is for"
        name="name"
        required
        autoFocus
        maxLength={80}
        placeholder="Household spreadsheet"
        error={error?.field("name")}
      />
      <Select
        label="It works for"
        value={days}
        onChange={(e) => setDays(Number(e.target.value))}
        hint={`Until ${fullDay(today(ends))}. The shorter, the better when it gets lost.`}
        error={error?.field("expiresInDays")}
      >
        {lifetimes.map((l) => (
          <option key={l.days} value={l.days}>
            {l.text}
          </option>
        ))}
      </Select>
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onDone}>
          Cancel
        </Button>
        <Button look="primary" type="submit" writes busy={busy}>
          Make the key
        </Button>
      </div>
    </form>
  )
}

/** The key, this once. */
function Shown({ made, onDone }: { made: MadeKey; onDone: () => void }) {
  const [copied, setCopied] = useState<"yes" | "no">()
  const copy = () =>
    navigator.clipboard.writeText(made.key).then(
      () => setCopied("yes"),
      () => setCopied("no"),
    )
  return (
    <div className="space-y-4">
      <p className="flex gap-2.5 rounded-md bg-warn-soft px-3 py-2.5">
        <TriangleAlert className="mt-0.5 size-4 shrink-0 text-warn" aria-hidden="true" />
        <span>
          Copy it now: it is shown only this once. Whoever has it reads your figures until{" "}
          {fullDay(today(new Date(made.apiKey.expiresAt)))}.
        </span>
      </p>
      <div>
        <p className="mb-1.5 text-sm font-medium">Your key “{made.apiKey.name}”</p>
        <code
          data-testid="api-key"
          className="block rounded-md bg-sunken px-3 py-2.5 font-mono text-sm break-all select-all"
        >
          {made.key}
        </code>
      </div>
      <div>
        <p className="mb-1.5 text-sm font-medium">How a program uses it</p>
        <code className="block rounded-md bg-sunken px-3 py-2.5 font-mono text-xs break-words text-ink-2">
          curl -H "Authorization: Bearer $FLINT_KEY" {location.origin}/api/dashboard
        </code>
      </div>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <Button icon={<Copy />} onClick={() => void copy()} autoFocus>
          {copied === "yes" ? "Copied" : "Copy the key"}
        </Button>
        <Button look="primary" onClick={onDone}>
          I’ve kept it
        </Button>
      </div>
      <p role="status" className="text-sm text-ink-3 empty:hidden">
        {copied === "yes" && "It is in your clipboard."}
        {copied === "no" && "Copying isn’t allowed here. Select the key instead."}
      </p>
    </div>
  )
}

const soon = 14 * 86_400_000 // ms

function One({ apiKey: k, works }: { apiKey: ApiKey; works: boolean }) {
  const say = useSay()
  const changed = queries.useChanged("keys")
  const [sure, setSure] = useState(false)
  const [busy, setBusy] = useState(false)
  const revoke = async () => {
    setSure(false)
    setBusy(true)
    try {
      await ask(api.DELETE("/api/keys/{id}", { params: { path: { id: k.id } } }))
      say(`The key “${k.name}” works no more.`)
      changed()
    } catch (problem) {
      say(asApiError(problem).message, { bad: true })
      setBusy(false)
    }
  }
  const used = k.lastUsedAt
    ? `used ${ago(k.lastUsedAt)}${k.lastAddress && ` from ${k.lastAddress}`}`
    : "never used"
  const ends = new Date(k.expiresAt).getTime() - Date.now() < soon
  return (
    <Row
      icon={<KeySquare />}
      title={
        <>
          {k.name}
          {!works ? <Pill>resting</Pill> : ends && <Pill tone="warn">ends {ago(k.expiresAt)}</Pill>}
        </>
      }
      action={
        <Button
          writes
          size="sm"
          look="danger"
          busy={busy}
          onClick={() => setSure(true)}
          aria-label={`Revoke ${k.name}`}
        >
          Revoke
        </Button>
      }
    >
      <p>
        <code className="font-mono text-xs">{k.prefix}…</code> · {scopes[k.scope]}
      </p>
      <p>{used}</p>
      <p>
        made {ago(k.createdAt)}, works until {fullDay(today(new Date(k.expiresAt)))}
      </p>
      <Confirm
        open={sure}
        onClose={() => setSure(false)}
        title={`Revoke “${k.name}”?`}
        actions={
          <Button look="danger" onClick={() => void revoke()}>
            Revoke the key
          </Button>
        }
      >
        Programs that use it are refused from this moment. It can’t be brought back; you can make a new one.
      </Confirm>
    </Row>
  )
}

const scopes: Record<ApiKey["scope"], string> = { "data:read": "reads your figures" }
