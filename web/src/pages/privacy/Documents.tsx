// What one agreed to, in which version, and what has changed since.
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { FileText } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import type { Document } from "../../api/types"
import { FormProblem } from "../../auth/Notice"
import { useSubmit } from "../../auth/useSubmit"
import { fullDay, today } from "../../format/dates"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Modal } from "../../ui/Overlay"
import { Pill } from "../../ui/Pill"
import { Failed, Loading, RowSkeletons, Skeleton } from "../../ui/States"
import { useSay } from "../../ui/Toasts"
import { Row } from "../security/Row"
import { Prose } from "./Prose"
import * as queries from "./queries"

export function Documents() {
  const { data, error, refetch } = useQuery(queries.documents)
  const [open, setOpen] = useState<string>()
  const read = data?.find((d) => d.document === open)
  return (
    <Card id="documents" title="What I agreed to" flush>
      {error && !data ? (
        <Failed what="what you agreed to" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={4} what="what you agreed to" />
      ) : data.length === 0 ? (
        <p className="px-5 py-4 text-ink-2 max-sm:px-4">There is nothing to agree to here.</p>
      ) : (
        <ul aria-label="What I agreed to">
          {data.map((d) => (
            <Row
              key={d.document}
              icon={<FileText />}
              title={
                <>
                  {d.title} <Standing document={d} />
                </>
              }
              action={
                <Button size="sm" onClick={() => setOpen(d.document)}>
                  {standing(d) === "accepted" ? "Read" : "Read and accept"}{" "}
                  <span className="sr-only">{d.title}</span>
                </Button>
              }
            >
              <p>{d.summary}</p>
              <p>
                Version {d.version}
                {d.acceptedAt &&
                  (d.acceptedVersion === d.version
                    ? ` · accepted on ${fullDay(today(new Date(d.acceptedAt)))}`
                    : ` · you accepted version ${d.acceptedVersion}`)}
              </p>
            </Row>
          ))}
        </ul>
      )}
      <Modal open={read !== undefined} onClose={() => setOpen(undefined)} title={read?.title ?? ""} wide>
        {read && <Reader document={read} onDone={() => setOpen(undefined)} />}
      </Modal>
    </Card>
  )
}

/** How a text stands with its reader. */
export function standing(d: Document): "accepted" | "changed" | "open" {
  if (d.acceptedVersion === d.version) return "accepted"
  return d.acceptedVersion ? "changed" : "open"
}

function Standing({ document: d }: { document: Document }) {
  switch (standing(d)) {
    case "accepted":
      return <Pill tone="good">accepted</Pill>
    case "changed":
      return <Pill tone="warn">has changed</Pill>
    case "open":
      return d.required ? <Pill tone="warn">not accepted yet</Pill> : <Pill>optional</Pill>
  }
}

function Reader({ document: d, onDone }: { document: Document; onDone: () => void }) {
  const text = useQuery(queries.text(d.document))
  const client = useQueryClient()
  const say = useSay()
  const { busy, error, onSubmit } = useSubmit(async () => {
    const body = { document: d.document, version: d.version }
    try {
      await ask(api.POST("/api/privacy/consents", { body }))
    } finally {
      // A newer version may have come in the meantime: then that one is shown.
      await client.invalidateQueries({ queryKey: ["privacy"], predicate: stale })
      void client.invalidateQueries({ queryKey: ["notices"] })
    }
    say(`Accepted: ${d.title}.`)
    onDone()
  })
  if (text.error && !text.data) {
    return <Failed what="this text" error={text.error} retry={() => void text.refetch()} />
  }
  if (!text.data) {
    return (
      <Loading what="this text">
        <div className="space-y-2">
          {[1, 2, 3, 4, 5].map((n) => (
            <Skeleton key={n} className="h-4 w-full" />
          ))}
        </div>
      </Loading>
    )
  }
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <Prose text={text.data.text} />
      <p className="text-sm text-ink-3">Version {text.data.version}</p>
      <FormProblem error={error} />
      {standing(d) !== "accepted" && (
        <div className="flex flex-wrap justify-end gap-2">
          <Button look="quiet" onClick={onDone}>
            Not now
          </Button>
          <Button look="primary" type="submit" writes busy={busy} disabled={text.data.version !== d.version}>
            Accept
          </Button>
        </div>
      )}
    </form>
  )
}

const stale = (q: { queryKey: readonly unknown[] }) =>
  q.queryKey[1] === "documents" || q.queryKey[1] === "text"
