// Asks for the reason before something is done to somebody's account, and does it.
import type { ReactNode } from "react"
import { FormProblem } from "../../auth/Notice"
import { useSubmit } from "../../auth/useSubmit"
import { Button } from "../../ui/Button"
import { TextArea } from "../../ui/Field"
import { Modal } from "../../ui/Overlay"
import { useSay } from "../../ui/Toasts"
import { useGuard } from "../security/StepUp"

interface Props {
  open: boolean
  onClose: () => void
  title: string
  /** What it does, and to whom it is told. */
  children: ReactNode
  /** Fields beside the reason. */
  extra?: ReactNode
  label: string
  danger?: boolean
  /** The reason's name in the form, and the word for it. */
  name?: "reason" | "note"
  act: (fields: Record<string, string>) => Promise<string>
}

export function WithReason(p: Props) {
  return (
    <Modal open={p.open} onClose={p.onClose} title={p.title}>
      <Form {...p} />
    </Modal>
  )
}

function Form({ onClose, children, extra, label, danger, name = "reason", act }: Props) {
  const guard = useGuard()
  const say = useSay()
  const { busy, error, onSubmit } = useSubmit(async (fields) => {
    const done = await guard(() =>
      act({ ...fields, [name]: (fields[name] ?? "").trim().replace(/\s+/g, " ") }),
    )
    onClose()
    say(done)
  })
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <FormProblem error={error} />
      <div className="text-ink-2">{children}</div>
      {extra}
      <TextArea
        label="Why"
        name={name}
        required
        minLength={3}
        maxLength={500}
        rows={3}
        hint="It is recorded with your name. Name the request or the finding."
        error={error?.field(name)}
      />
      <div className="flex flex-wrap justify-end gap-2">
        <Button look="quiet" onClick={onClose}>
          Cancel
        </Button>
        <Button look={danger ? "danger" : "primary"} type="submit" writes busy={busy}>
          {label}
        </Button>
      </div>
    </form>
  )
}
