import { Smartphone } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import { asApiError } from "../../api/problem"
import type { Enrolment, Factors } from "../../api/types"
import { FormProblem } from "../../auth/Notice"
import { useSubmit } from "../../auth/useSubmit"
import { fullDay } from "../../format/dates"
import { Button } from "../../ui/Button"
import { Input } from "../../ui/Field"
import { Confirm, Modal } from "../../ui/Overlay"
import { Pill } from "../../ui/Pill"
import { useSay } from "../../ui/Toasts"
import { Codes } from "./BackupCodes"
import { useChanged } from "./queries"
import { Row } from "./Row"
import { useGuard } from "./StepUp"

export function Authenticator({ factors }: { factors: Factors }) {
  const guard = useGuard()
  const say = useSay()
  const changed = useChanged("factors")
  const [busy, setBusy] = useState(false)
  const [sure, setSure] = useState(false)
  const [enrolment, setEnrolment] = useState<Enrolment>()
  const { enabled, since } = factors.totp
  const act = async (work: () => Promise<void>) => {
    setBusy(true)
    try {
      await work()
    } catch (e) {
      say(asApiError(e).message, { bad: true })
    } finally {
      setBusy(false)
    }
  }
  const begin = () => act(async () => setEnrolment(await guard(() => ask(api.POST("/api/auth/mfa/setup")))))
  const end = () =>
    act(async () => {
      setSure(false)
      say((await guard(() => ask(api.DELETE("/api/auth/mfa/disable")))).message)
      changed()
    })
  return (
    <Row
      icon={<Smartphone />}
      title={
        <>
          Authenticator app
          <Pill tone={enabled ? "good" : "plain"}>{enabled ? "on" : "off"}</Pill>
        </>
      }
      action={
        enabled ? (
          <Button writes size="sm" look="danger" busy={busy} onClick={() => setSure(true)}>
            Switch off
          </Button>
        ) : (
          <Button writes size="sm" look="primary" busy={busy} onClick={() => void begin()}>
            Set up
          </Button>
        )
      }
    >
      {enabled
        ? `Asked for at each sign-in${since ? ` since ${fullDay(since.slice(0, 10))}` : ""}.`
        : "A code from your phone at each sign-in: a stolen password alone opens nothing."}
      <Confirm
        open={sure}
        onClose={() => setSure(false)}
        title="Switch the authenticator app off?"
        actions={
          <Button look="danger" onClick={() => void end()}>
            Switch off
          </Button>
        }
      >
        {factors.passkeys.length > 0
          ? "Your passkeys stay as the second step."
          : "From then on your password alone signs in, and your backup codes stop working."}
      </Confirm>
      <Modal
        open={enrolment !== undefined}
        onClose={() => setEnrolment(undefined)}
        title="Set up an authenticator app"
      >
        {enrolment && <Enrol enrolment={enrolment} onDone={() => setEnrolment(undefined)} />}
      </Modal>
    </Row>
  )
}

function Enrol({ enrolment, onDone }: { enrolment: Enrolment; onDone: () => void }) {
  const guard = useGuard()
  const changed = useChanged("factors")
  const { busy, error, answer, onSubmit } = useSubmit(async ({ code = "" }) => {
    const body = { code: code.replace(/\s/g, "") }
    const done = await guard(() => ask(api.POST("/api/auth/mfa/verify-setup", { body })))
    changed()
    return done
  })
  if (answer) return <Codes codes={answer.backupCodes} onDone={onDone} />
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <p className="text-ink-2">
        Scan this with an authenticator app, such as the one of your password manager. On this device,{" "}
        <a href={enrolment.otpauthUri} className="prose-link">
          open it in the app
        </a>
        .
      </p>
      <div className="flex flex-wrap items-center justify-center gap-4">
        <img src={enrolment.qrCode} alt="QR code for your authenticator app" className="size-44 rounded-lg" />
        <div className="min-w-36 flex-1">
          <p className="text-sm font-medium">Or type this key</p>
          <code className="mt-1 block font-mono text-base break-words select-all">
            {inFours(enrolment.secret)}
          </code>
        </div>
      </div>
      <FormProblem error={error} />
      <Input
        label="The code that it shows now"
        name="code"
        autoComplete="one-time-code"
        inputMode="numeric"
        pattern="[0-9 ]{6,7}"
        title="Six digits"
        required
        maxLength={7}
        error={error?.field("code") && "That isn’t the code that the app shows now."}
      />
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onDone}>
          Cancel
        </Button>
        <Button look="primary" type="submit" writes busy={busy}>
          Switch on
        </Button>
      </div>
    </form>
  )
}

/** A key in groups of four, as people type it. */
export function inFours(secret: string): string {
  return secret.replace(/(.{4})(?=.)/g, "$1 ")
}
