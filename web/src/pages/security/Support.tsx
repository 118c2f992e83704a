// Leave for support to look: given for some hours, by a code that is read out, and taken back at once.
import { useQuery } from "@tanstack/react-query"
import { Copy, LifeBuoy } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import { asApiError } from "../../api/problem"
import * as all from "../../api/queries"
import { FormProblem } from "../../auth/Notice"
import { useSubmit } from "../../auth/useSubmit"
import { when } from "../../format/dates"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Select } from "../../ui/Field"
import { Modal } from "../../ui/Overlay"
import { Pill } from "../../ui/Pill"
import { Failed, RowSkeletons } from "../../ui/States"
import { useSay } from "../../ui/Toasts"
import { useChanged } from "./queries"
import { Row } from "./Row"
import { useGuard } from "./StepUp"

export function Support() {
  const { data, error, refetch } = useQuery(all.notices)
  const [open, setOpen] = useState(false)
  const say = useSay()
  const changed = useChanged("support")
  const [busy, setBusy] = useState(false)
  const forbid = async () => {
    setBusy(true)
    try {
      await ask(api.DELETE("/api/support/consent"))
      say("Support can’t look any more.")
      changed()
    } catch (e) {
      say(asApiError(e).message, { bad: true })
    } finally {
      setBusy(false)
    }
  }
  const consent = data?.support.consent
  return (
    <Card id="support" title="Support" flush>
      {error && !data ? (
        <Failed what="whether support may look" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={1} what="whether support may look" />
      ) : (
        <ul>
          <Row
            icon={<LifeBuoy />}
            title={
              <>
                Leave to look
                {consent?.inUse ? (
                  <Pill tone="warn" dot>
                    {consent.inUse.by} looks now
                  </Pill>
                ) : (
                  <Pill tone={consent ? "busy" : "plain"}>{consent ? "given" : "not given"}</Pill>
                )}
              </>
            }
            action={
              consent ? (
                <Button writes size="sm" look="danger" busy={busy} onClick={() => void forbid()}>
                  Take it back
                </Button>
              ) : (
                <Button writes size="sm" onClick={() => setOpen(true)}>
                  Let support look
                </Button>
              )
            }
          >
            {consent
              ? `Until ${when(consent.until)}, whoever of us has your code sees your figures, and can change nothing. Each look is in your security log.`
              : "Nobody at Flint sees your figures. When you ask for help, you can let support read along for some hours."}
          </Row>
        </ul>
      )}
      <Modal open={open} onClose={() => setOpen(false)} title="Let support look">
        <Permit onDone={() => setOpen(false)} />
      </Modal>
    </Card>
  )
}

const lengths = [
  { hours: 1, text: "An hour" },
  { hours: 4, text: "Four hours" },
  { hours: 24, text: "A day" },
]

function Permit({ onDone }: { onDone: () => void }) {
  const guard = useGuard()
  const changed = useChanged("support")
  const [hours, setHours] = useState(1)
  const { busy, error, answer, onSubmit } = useSubmit(async () => {
    const given = await guard(() => ask(api.POST("/api/support/consent", { body: { hours } })))
    changed()
    return given
  })
  if (answer) return <Code code={answer.code} until={answer.until} onDone={onDone} />
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <FormProblem error={error} />
      <ul className="list-disc space-y-1 pl-5 text-ink-2">
        <li>They see your accounts, figures and transactions, as you see them.</li>
        <li>They can’t change, move or connect anything, and don’t see how you sign in.</li>
        <li>You get a mail when they begin, and each look stands in your security log.</li>
      </ul>
      <Select
        label="For how long"
        value={hours}
        onChange={(e) => setHours(Number(e.target.value))}
        error={error?.field("hours")}
      >
        {lengths.map((l) => (
          <option key={l.hours} value={l.hours}>
            {l.text}
          </option>
        ))}
      </Select>
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onDone}>
          Cancel
        </Button>
        <Button look="primary" type="submit" writes busy={busy}>
          Make a code
        </Button>
      </div>
    </form>
  )
}

/** The code, this once. */
function Code({ code, until, onDone }: { code: string; until: string; onDone: () => void }) {
  const say = useSay()
  const copy = () =>
    navigator.clipboard.writeText(code).then(
      () => say("Copied."),
      () => say("Copying isn’t allowed here. Select the code instead.", { bad: true }),
    )
  return (
    <div className="space-y-4">
      <p className="text-ink-2">
        Read this code to whom you talk to at Flint, and to nobody else. It works until {when(until)}, and is
        shown only now.
      </p>
      <p
        data-testid="support-code"
        className="rounded-md bg-sunken px-3 py-4 text-center font-mono text-xl tracking-wider select-all"
      >
        {code}
      </p>
      <div className="flex flex-wrap justify-between gap-2">
        <Button icon={<Copy />} onClick={() => void copy()}>
          Copy
        </Button>
        <Button look="primary" onClick={onDone}>
          Done
        </Button>
      </div>
    </div>
  )
}
