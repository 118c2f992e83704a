import { Fingerprint, Pencil, Trash2 } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import { makePasskey, openedAtANumber, passkeysWork } from "../../api/passkeys"
import { asApiError } from "../../api/problem"
import type { Factors, Passkey } from "../../api/types"
import { FormProblem } from "../../auth/Notice"
import { useSubmit } from "../../auth/useSubmit"
import { ago } from "../../format/dates"
import { Button, IconButton } from "../../ui/Button"
import { Input } from "../../ui/Field"
import { Confirm, Modal } from "../../ui/Overlay"
import { useSay } from "../../ui/Toasts"
import { Codes } from "./BackupCodes"
import { useChanged } from "./queries"
import { Row } from "./Row"
import { useGuard } from "./StepUp"

export function Passkeys({ factors }: { factors: Factors }) {
  const [adding, setAdding] = useState(false)
  const works = passkeysWork()
  return (
    <Row
      icon={<Fingerprint />}
      title="Passkeys"
      action={
        works && (
          <Button writes size="sm" onClick={() => setAdding(true)} aria-label="Add a passkey">
            Add
          </Button>
        )
      }
    >
      {works
        ? "Sign in with your fingerprint, face or screen lock, and no password."
        : openedAtANumber()
          ? "Passkeys are bound to a name, and this Flint was opened at a number. Open it by its name to use them."
          : "This browser can’t use passkeys. A newer one can."}
      {factors.passkeys.length > 0 && (
        <ul className="mt-2 text-ink" aria-label="Your passkeys">
          {factors.passkeys.map((k) => (
            <One key={k.id} passkey={k} last={!factors.totp.enabled && factors.passkeys.length === 1} />
          ))}
        </ul>
      )}
      <Modal open={adding} onClose={() => setAdding(false)} title="Add a passkey">
        <Add onDone={() => setAdding(false)} />
      </Modal>
    </Row>
  )
}

function Add({ onDone }: { onDone: () => void }) {
  const guard = useGuard()
  const say = useSay()
  const changed = useChanged("factors")
  const { busy, error, answer, onSubmit } = useSubmit(async ({ name = "" }) => {
    const { publicKey } = await guard(() => ask(api.POST("/api/auth/passkeys/options")))
    const credential = await makePasskey(publicKey)
    const body = { name: name.trim(), credential }
    const made = await guard(() => ask(api.POST("/api/auth/passkeys", { body })))
    changed()
    say("The passkey is added.")
    if (made.backupCodes.length === 0) onDone()
    return made
  })
  if (answer) return <Codes codes={answer.backupCodes} onDone={onDone} />
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <FormProblem error={error} />
      <Input
        label="Its name"
        name="name"
        required
        autoFocus
        maxLength={100}
        defaultValue="This device"
        hint="So that you know it among others, such as “Phone” or “Work laptop”."
        error={error?.field("name")}
      />
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onDone}>
          Cancel
        </Button>
        <Button look="primary" type="submit" writes busy={busy}>
          Continue
        </Button>
      </div>
    </form>
  )
}

function One({ passkey: k, last }: { passkey: Passkey; last: boolean }) {
  const guard = useGuard()
  const say = useSay()
  const changed = useChanged("factors")
  const [open, setOpen] = useState<"rename" | "remove">()
  const path = { id: k.id }
  const rename = useSubmit(async ({ name = "" }) => {
    await ask(api.PATCH("/api/auth/passkeys/{id}", { params: { path }, body: { name: name.trim() } }))
    changed()
    setOpen(undefined)
  })
  const remove = async () => {
    setOpen(undefined)
    try {
      say((await guard(() => ask(api.DELETE("/api/auth/passkeys/{id}", { params: { path } })))).message)
      changed()
    } catch (e) {
      say(asApiError(e).message, { bad: true })
    }
  }
  return (
    <li className="flex items-center gap-1 py-0.5">
      <span className="min-w-0 flex-1">
        <span className="break-words">{k.name}</span>{" "}
        <span className="text-ink-3">
          · {k.lastUsedAt ? `used ${ago(k.lastUsedAt)}` : `added ${ago(k.createdAt)}`}
          {k.synced && " · on all your devices"}
        </span>
      </span>
      <IconButton name={`Rename ${k.name}`} onClick={() => setOpen("rename")}>
        <Pencil />
      </IconButton>
      <IconButton name={`Remove ${k.name}`} onClick={() => setOpen("remove")}>
        <Trash2 />
      </IconButton>
      <Modal open={open === "rename"} onClose={() => setOpen(undefined)} title="Rename this passkey">
        <form onSubmit={rename.onSubmit} className="space-y-4">
          <FormProblem error={rename.error} />
          <Input
            label="Its name"
            name="name"
            required
            autoFocus
            maxLength={100}
            defaultValue={k.name}
            error={rename.error?.field("name")}
          />
          <div className="flex justify-end">
            <Button look="primary" type="submit" writes busy={rename.busy}>
              Save
            </Button>
          </div>
        </form>
      </Modal>
      <Confirm
        open={open === "remove"}
        onClose={() => setOpen(undefined)}
        title={`Remove “${k.name}”?`}
        actions={
          <Button look="danger" onClick={() => void remove()}>
            Remove
          </Button>
        }
      >
        {last
          ? "It is your only second step. From then on your password alone signs in, and your backup codes stop working."
          : "It opens nothing here any more. Delete it on your device too."}
      </Confirm>
    </li>
  )
}
