import { Mail } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import type { User } from "../../api/types"
import { FormProblem } from "../../auth/Notice"
import { useSubmit } from "../../auth/useSubmit"
import { Button } from "../../ui/Button"
import { Input } from "../../ui/Field"
import { Modal } from "../../ui/Overlay"
import { Pill } from "../../ui/Pill"
import { Row } from "./Row"
import { useGuard } from "./StepUp"

export function Email({ user }: { user: User }) {
  const [open, setOpen] = useState(false)
  return (
    <Row
      icon={<Mail />}
      title={
        <>
          E-mail
          {!user.emailVerified && <Pill tone="warn">not confirmed</Pill>}
        </>
      }
      action={
        <Button writes size="sm" onClick={() => setOpen(true)} aria-label="Change your e-mail address">
          Change
        </Button>
      }
    >
      {user.email}
      <Modal open={open} onClose={() => setOpen(false)} title="Change your e-mail address">
        <Form user={user} onDone={() => setOpen(false)} />
      </Modal>
    </Row>
  )
}

function Form({ user, onDone }: { user: User; onDone: () => void }) {
  const guard = useGuard()
  const [address, setAddress] = useState("")
  const { busy, error, answer, onSubmit } = useSubmit(({ email = "" }) => {
    setAddress(email.trim())
    return guard(() => ask(api.POST("/api/user/email", { body: { newEmail: email.trim() } })))
  })
  if (answer) {
    return (
      <>
        <ol className="list-decimal space-y-2 pl-5 text-ink-2">
          <li>
            A mail is on its way to <strong className="font-medium break-words text-ink">{address}</strong>.
            Your address changes once you open its link, within 24 hours.
          </li>
          <li>
            We also tell <strong className="font-medium break-words text-ink">{user.email}</strong>, where the
            change can be undone for 72 hours.
          </li>
          <li>Until then you sign in as before.</li>
        </ol>
        <div className="mt-5 flex justify-end">
          <Button look="primary" onClick={onDone}>
            Done
          </Button>
        </div>
      </>
    )
  }
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <FormProblem error={error} />
      <Input
        label="New e-mail address"
        name="email"
        type="email"
        autoComplete="email"
        required
        autoFocus
        hint={`Now it is ${user.email}.`}
        error={error?.field("newEmail")}
      />
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onDone}>
          Cancel
        </Button>
        <Button look="primary" type="submit" writes busy={busy}>
          Send the mail
        </Button>
      </div>
    </form>
  )
}
