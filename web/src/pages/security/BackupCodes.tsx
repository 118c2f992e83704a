import { Copy, Download, LifeBuoy } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import { asApiError } from "../../api/problem"
import { Button, buttonClass } from "../../ui/Button"
import { Confirm, Modal } from "../../ui/Overlay"
import { Pill } from "../../ui/Pill"
import { useSay } from "../../ui/Toasts"
import { useChanged } from "./queries"
import { Row } from "./Row"
import { useGuard } from "./StepUp"

/** The file that people keep. */
export function codesFile(codes: string[]): string {
  return `Flint backup codes\nEach works once, instead of the code of your app. Keep them where you keep your passport.\n\n${codes.join("\n")}\n`
}

/** New backup codes, this once. */
export function Codes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const say = useSay()
  const copy = () =>
    navigator.clipboard.writeText(codes.join("\n")).then(
      () => say("Copied."),
      () => say("Copying isn’t allowed here. Select the codes instead.", { bad: true }),
    )
  return (
    <>
      <p className="text-ink-2">
        Keep these ten codes where you’d find them without your phone. Each signs you in once. They are shown
        only now.
      </p>
      <ul
        aria-label="Backup codes"
        className="my-4 grid grid-cols-2 gap-x-4 gap-y-2 rounded-lg bg-sunken p-4 text-center font-mono text-base select-all max-sm:text-sm"
      >
        {codes.map((c) => (
          <li key={c}>{c}</li>
        ))}
      </ul>
      <div className="flex flex-wrap gap-2">
        <Button icon={<Copy />} onClick={() => void copy()}>
          Copy
        </Button>
        <a
          className={buttonClass()}
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(codesFile(codes))}`}
          download="flint-backup-codes.txt"
        >
          <Download aria-hidden="true" />
          Download
        </a>
        <Button look="primary" className="ml-auto" onClick={onDone}>
          I’ve kept them
        </Button>
      </div>
    </>
  )
}

/** Shown while there is a second factor that they stand in for. */
export function BackupCodes({ left }: { left: number }) {
  const guard = useGuard()
  const say = useSay()
  const changed = useChanged("factors")
  const [sure, setSure] = useState(false)
  const [busy, setBusy] = useState(false)
  const [codes, setCodes] = useState<string[]>()
  const renew = async () => {
    setSure(false)
    setBusy(true)
    try {
      setCodes((await guard(() => ask(api.POST("/api/auth/mfa/backup-codes")))).backupCodes)
      changed()
    } catch (e) {
      say(asApiError(e).message, { bad: true })
    } finally {
      setBusy(false)
    }
  }
  return (
    <Row
      icon={<LifeBuoy />}
      title={
        <>
          Backup codes
          {left < 3 && <Pill tone="warn">{left === 0 ? "none left" : `only ${left} left`}</Pill>}
        </>
      }
      action={
        <Button writes size="sm" busy={busy} onClick={() => setSure(true)}>
          Make new ones
        </Button>
      }
    >
      {left} of 10 left, for when you don’t have your phone.
      <Confirm
        open={sure}
        onClose={() => setSure(false)}
        title="Make new backup codes?"
        actions={
          <Button look="primary" onClick={() => void renew()}>
            Make new ones
          </Button>
        }
      >
        The codes that you have now stop working.
      </Confirm>
      <Modal open={codes !== undefined} onClose={() => setCodes(undefined)} title="Your backup codes">
        <Codes codes={codes ?? []} onDone={() => setCodes(undefined)} />
      </Modal>
    </Row>
  )
}
