import { KeyRound } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import type { User } from "../../api/types"
import { NewPassword } from "../../auth/NewPassword"
import { FormProblem } from "../../auth/Notice"
import { useSubmit } from "../../auth/useSubmit"
import { Button } from "../../ui/Button"
import { Input } from "../../ui/Field"
import { Modal } from "../../ui/Overlay"
import { useSay } from "../../ui/Toasts"
import { useChanged } from "./queries"
import { Row } from "./Row"
import { useGuard } from "./StepUp"

export function Password({ user }: { user: User }) {
  const [open, setOpen] = useState(false)
  return (
    <Row
      icon={<KeyRound />}
      title="Password"
      action={
        <Button writes size="sm" onClick={() => setOpen(true)} aria-label="Change your password">
          Change
        </Button>
      }
    >
      Changing it signs every other device out.
      <Modal open={open} onClose={() => setOpen(false)} title="Change your password">
        <Form user={user} onDone={() => setOpen(false)} />
      </Modal>
    </Row>
  )
}

function Form({ user, onDone }: { user: User; onDone: () => void }) {
  const guard = useGuard()
  const say = useSay()
  const changed = useChanged("factors", "sessions")
  const { busy, error, onSubmit } = useSubmit(async ({ current = "", chosen = "" }) => {
    const body = { currentPassword: current, newPassword: chosen }
    const { message } = await guard(() => ask(api.POST("/api/user/change-password", { body })))
    changed()
    say(message)
    onDone()
  })
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <FormProblem error={error} />
      <input type="text" name="username" autoComplete="username" value={user.email} readOnly hidden />
      <Input
        label="Your present password"
        name="current"
        type="password"
        autoComplete="current-password"
        required
        autoFocus
        error={error?.field("currentPassword")}
      />
      <NewPassword name="chosen" words={[user.firstName, user.email]} error={error?.field("newPassword")} />
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onDone}>
          Cancel
        </Button>
        <Button look="primary" type="submit" writes busy={busy}>
          Change password
        </Button>
      </div>
    </form>
  )
}
