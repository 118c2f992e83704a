// The proof that an entry stands in the audit log as it was written: asked for, and checked in
// this browser. A proof that doesn't hold is said loudly, for it should never happen.
import { useQuery } from "@tanstack/react-query"
import { clsx } from "clsx"
import { BadgeCheck, ShieldQuestionMark, TriangleAlert } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import { ApiError, asApiError } from "../../api/problem"
import { patience } from "../../api/queries"
import type { SecurityEvent } from "../../api/types"
import { Button } from "../../ui/Button"
import { Field } from "../../ui/Detail"
import { Modal } from "../../ui/Overlay"
import type { Proven } from "./prove"

type Outcome = { proven: Proven } | { unproven: string }

async function check(event: SecurityEvent, signal: AbortSignal): Promise<Outcome> {
  const [code, proof] = await Promise.all([
    import("./prove"),
    ask(api.GET("/api/security/log/{id}/proof", { signal, params: { path: { id: event.id } } })),
  ])
  try {
    const proven = await code.verify(event, proof)
    // Asked for after the proof, so that it can't be older.
    const { checkpoint } = await ask(api.GET("/api/audit/checkpoint", { signal }))
    code.agree(proven.checkpoint, code.readCheckpoint(checkpoint))
    return { proven }
  } catch (error) {
    if (error instanceof code.Unproven) return { unproven: error.message }
    throw error
  }
}

/** An entry of the last second isn't in the log yet, and is a second later. */
const tooNew = (e: unknown) => e instanceof ApiError && e.code === "audit_not_yet"

function useProof(event: SecurityEvent, wanted: boolean) {
  return useQuery({
    queryKey: ["proof", event.id],
    queryFn: ({ signal }) => check(event, signal),
    enabled: wanted,
    staleTime: Number.POSITIVE_INFINITY,
    retry: (failures, e) => failures < 4 && tooNew(e),
    retryDelay: (failures, e) => (tooNew(e) ? 700 : patience(failures, e)),
  })
}

const badge =
  "inline-flex h-7 items-center gap-1.5 rounded-full px-2.5 text-xs font-medium [&_svg]:size-3.5 transition-colors"

export function Proof({ event }: { event: SecurityEvent }) {
  const [wanted, setWanted] = useState(false)
  const [open, setOpen] = useState(false)
  const { data, error, isFetching, refetch } = useProof(event, wanted)
  if (data && "unproven" in data) return null // <Unproven> says it
  if (data) {
    return (
      <>
        <button
          type="button"
          onClick={() => setOpen(true)}
          aria-label={`Proven: ${event.title}. How?`}
          className={clsx(badge, "bg-up-soft text-up")}
        >
          <BadgeCheck aria-hidden="true" />
          Proven
        </button>
        <Modal open={open} onClose={() => setOpen(false)} title="This entry is in the log" wide>
          <Details proven={data.proven} />
        </Modal>
      </>
    )
  }
  const failed = error && !isFetching ? asApiError(error) : undefined
  return (
    <button
      type="button"
      aria-busy={isFetching || undefined}
      aria-label={
        failed ? `Couldn’t be checked: ${event.title}. Try again` : `Check the proof: ${event.title}`
      }
      title={failed?.message}
      onClick={() => (failed ? void refetch() : setWanted(true))}
      className={clsx(
        badge,
        "hover:bg-sunken hover:text-ink aria-busy:animate-pulse",
        failed ? "text-warn" : "text-ink-3",
      )}
    >
      {failed ? <TriangleAlert aria-hidden="true" /> : <ShieldQuestionMark aria-hidden="true" />}
      {isFetching ? "Checking" : failed ? "Try again" : "Check"}
    </button>
  )
}

/** Below an entry whose proof doesn't hold. */
export function Unproven({ event }: { event: SecurityEvent }) {
  const { data } = useProof(event, false)
  if (!data || !("unproven" in data)) return null
  return (
    <div role="alert" className="mt-2 rounded-md bg-down-soft px-3 py-2.5 text-ink">
      <p className="flex items-center gap-2 font-semibold text-down">
        <TriangleAlert className="size-4 shrink-0" aria-hidden="true" />
        This entry couldn’t be proven
      </p>
      <p className="mt-1">{data.unproven}</p>
      <p className="mt-1">
        That should never happen: somebody may have changed the log. Please write to us, and name the entry{" "}
        <code className="font-mono text-xs break-all select-all">{event.id}</code>.
      </p>
    </div>
  )
}

function Details({ proven: p }: { proven: Proven }) {
  const [note, setNote] = useState(false)
  return (
    <div className="space-y-4">
      <p className="text-ink-2">
        Your browser has computed it: from the entry’s bytes, over {p.steps}{" "}
        {p.steps === 1 ? "hash" : "hashes"}, to the root that Flint has signed. Had the entry been changed,
        moved or put in later, the root would be another. That it is yours, from that time and of that kind
        was compared too.
      </p>
      <dl className="space-y-1.5">
        <Field name="Entry">
          number {p.index + 1} of {p.size}
        </Field>
        <Field name="Signed">{p.checkpoint.time ? new Date(p.checkpoint.time).toLocaleString() : "–"}</Field>
        <Field name="Its hash">
          <code className="font-mono text-xs break-all">{p.hash}</code>
        </Field>
        <Field name="Root">
          <code className="font-mono text-xs break-all">{p.checkpoint.root}</code>
        </Field>
      </dl>
      <Button size="sm" aria-expanded={note} onClick={() => setNote(!note)}>
        {note ? "Hide the signed state" : "Show the signed state"}
      </Button>
      {note && (
        <pre className="rounded-md bg-sunken p-3 font-mono text-xs break-all whitespace-pre-wrap select-all">
          {p.note}
        </pre>
      )}
      <p className="text-sm text-ink-3">
        Keep the signed state, and you can show later that the log only grew since.
      </p>
    </div>
  )
}
