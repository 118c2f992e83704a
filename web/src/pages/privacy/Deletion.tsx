// The end of the account: what goes, what the law keeps, and fourteen days to change one's mind.
import { useQuery } from "@tanstack/react-query"
import { Trash2, TriangleAlert } from "lucide-react"
import { useEffect, useRef, useState } from "react"
import { api, ask } from "../../api/client"
import type { DeletionState } from "../../api/types"
import { FormProblem } from "../../auth/Notice"
import { useSubmit } from "../../auth/useSubmit"
import { fullDay, today } from "../../format/dates"
import { useDeletionChanged, useUndoDeletion } from "../../shell/deletion"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Modal } from "../../ui/Overlay"
import { Failed, Skeleton } from "../../ui/States"
import { useSay } from "../../ui/Toasts"
import { useGuard } from "../security/StepUp"
import * as queries from "./queries"

const goes = [
  "Your accounts, balances, holdings and transactions, and what you wrote about them",
  "The connections: your banks and brokers are told to take our access back",
  "Your name, e-mail address, password, passkeys, devices and API keys",
  "The keys to whatever backups still hold of you",
]

export function Deletion() {
  const { data, error, refetch } = useQuery(queries.deletion)
  const [open, setOpen] = useState(false)
  const [asked, setAsked] = useState(false)
  return (
    <Card id="deletion" title="Delete my account">
      {error && !data ? (
        <Failed what="whether your account stays" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <div role="status" aria-busy="true" className="space-y-2">
          <span className="sr-only">Loading whether your account stays…</span>
          <Skeleton className="h-3.5 w-4/5" />
          <Skeleton className="h-3.5 w-3/5" />
          <Skeleton className="mt-4 h-9 w-40" />
        </div>
      ) : data.deletion ? (
        <Coming deletion={data.deletion} kept={data.kept ?? []} asked={asked} />
      ) : (
        <>
          <p className="text-ink-2">
            It takes 14 days, in which everything works as before and you can change your mind. Then it can’t
            be undone.
          </p>
          <Button writes look="danger" className="mt-4" icon={<Trash2 />} onClick={() => setOpen(true)}>
            Delete my account …
          </Button>
          <Modal open={open} onClose={() => setOpen(false)} title="Delete my account" wide>
            <Ask kept={data.kept ?? []} onDone={() => setOpen(false)} onAsked={() => setAsked(true)} />
          </Modal>
        </>
      )}
    </Card>
  )
}

type Kept = NonNullable<DeletionState["kept"]>

function Lists({ kept }: { kept: Kept }) {
  return (
    <div>
      <h3 className="font-semibold">What goes</h3>
      <ul className="mt-1 list-disc space-y-1 pl-5 text-ink-2">
        {goes.map((g) => (
          <li key={g}>{g}</li>
        ))}
      </ul>
      <h3 className="mt-4 font-semibold">What stays, and why</h3>
      <dl className="mt-1 space-y-2">
        {kept.map((k) => (
          <div key={k.what}>
            <dt className="text-ink-2">{k.what}.</dt>
            <dd className="text-sm text-ink-3">{k.why}.</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}

function Ask({ kept, onDone, onAsked }: { kept: Kept; onDone: () => void; onAsked: () => void }) {
  const guard = useGuard()
  const say = useSay()
  const changed = useDeletionChanged()
  const { busy, error, onSubmit } = useSubmit(async () => {
    await guard(() => ask(api.POST("/api/privacy/deletion")))
    changed()
    onAsked()
    onDone()
    say("Your account will be deleted in 14 days. We’ve sent you a mail that undoes it.")
  })
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <FormProblem error={error} />
      <Lists kept={kept} />
      <p className="flex gap-2 rounded-md bg-warn-soft px-3 py-2.5">
        <TriangleAlert className="mt-0.5 size-4 shrink-0 text-warn" aria-hidden="true" />
        <span>Want to keep your history? Make a copy of your data first, and download it.</span>
      </p>
      <div className="flex flex-wrap justify-end gap-2">
        <Button look="quiet" onClick={onDone}>
          Keep my account
        </Button>
        <Button look="danger" type="submit" writes busy={busy}>
          Delete it in 14 days
        </Button>
      </div>
    </form>
  )
}

function Coming({
  deletion: d,
  kept,
  asked,
}: {
  deletion: NonNullable<DeletionState["deletion"]>
  kept: Kept
  asked: boolean
}) {
  const undo = useUndoDeletion()
  const [shown, setShown] = useState(false)
  const said = useRef<HTMLParagraphElement>(null)
  // The button that asked for it is gone: whoever pressed it goes on here.
  useEffect(() => {
    if (asked) said.current?.focus()
  }, [asked])
  return (
    <>
      <p ref={said} tabIndex={-1} className="text-ink-2 outline-none">
        {d.begun
          ? "The 14 days are over. Your account is being deleted, and this can’t be undone any more."
          : `Your account is deleted on ${fullDay(today(new Date(d.dueAt)))}. Until then everything works as before.`}
      </p>
      <div className="mt-4 flex flex-wrap gap-2">
        {!d.begun && (
          <Button writes look="primary" busy={undo.isPending} onClick={() => undo.mutate()}>
            Keep my account
          </Button>
        )}
        <Button look="quiet" onClick={() => setShown(true)}>
          What goes, what stays
        </Button>
      </div>
      <Modal open={shown} onClose={() => setShown(false)} title="What goes, what stays" wide>
        <Lists kept={kept} />
      </Modal>
    </>
  )
}
