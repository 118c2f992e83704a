// The devices that Flint knows, of which one may trust some.
import { useMutation, useQuery } from "@tanstack/react-query"
import { Monitor, Pencil, Smartphone } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import type { KnownDevice } from "../../api/types"
import { FormProblem } from "../../auth/Notice"
import { useSubmit } from "../../auth/useSubmit"
import { ago } from "../../format/dates"
import { Button, IconButton } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Input } from "../../ui/Field"
import { Confirm, Modal } from "../../ui/Overlay"
import { Pill } from "../../ui/Pill"
import { Failed, RowSkeletons } from "../../ui/States"
import { useSay } from "../../ui/Toasts"
import * as queries from "./queries"
import { Row } from "./Row"
import { useGuard } from "./StepUp"

export function Devices() {
  const { data, error, refetch } = useQuery(queries.devices)
  const list = [...(data ?? [])].sort((a, b) => Number(b.current) - Number(a.current))
  return (
    <Card id="devices" title="Devices we know" flush>
      {error && !data ? (
        <Failed what="the devices we know" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={2} what="the devices we know" />
      ) : list.length === 0 ? (
        <p className="px-5 py-4 text-ink-2 max-sm:px-4">None yet. A device is known once it has signed in.</p>
      ) : (
        <>
          <p className="px-5 pb-1 text-sm text-ink-3 max-sm:px-4">
            An unusual sign-in on a device that you trust isn’t held for a code from your mailbox.
          </p>
          <ul aria-label="Devices we know">
            {list.map((d) => (
              <One key={d.id} device={d} />
            ))}
          </ul>
        </>
      )}
    </Card>
  )
}

/** A change of a device: asked for, proven if need be, and told. */
function useChange(call: () => Promise<unknown>, done: string) {
  const guard = useGuard()
  const say = useSay()
  const changed = queries.useChanged("devices", "sessions")
  return useMutation({
    mutationFn: () => guard(call),
    onSuccess: () => {
      changed()
      say(done)
    },
    onError: (e) => say(e.message, { bad: true }),
  })
}

function One({ device: d }: { device: KnownDevice }) {
  const [sure, setSure] = useState(false)
  const [naming, setNaming] = useState(false)
  const forget = useChange(
    () => ask(api.DELETE("/api/auth/devices/{id}", { params: { path: { id: d.id } } })),
    "That device is forgotten.",
  )
  const trust = useChange(
    () => ask(api.POST("/api/auth/devices/trust", { body: { trusted: !d.trusted } })),
    d.trusted ? "This device is trusted no more." : "This device is trusted.",
  )
  const mobile = /iPhone|iPad|Android/.test(d.os)
  return (
    <Row
      icon={mobile ? <Smartphone /> : <Monitor />}
      title={
        <>
          {d.name}
          {d.current && <Pill tone="good">this device</Pill>}
          {d.trusted && <Pill tone="busy">trusted</Pill>}
        </>
      }
      action={
        <>
          <IconButton name={`Name ${d.name}`} onClick={() => setNaming(true)}>
            <Pencil />
          </IconButton>
          {d.current ? (
            <Button writes size="sm" busy={trust.isPending} onClick={() => trust.mutate()}>
              {d.trusted ? "Stop trusting it" : "Trust it"}
            </Button>
          ) : (
            <Button
              writes
              size="sm"
              busy={forget.isPending}
              onClick={() => setSure(true)}
              aria-label={`Forget ${d.name}`}
            >
              Forget
            </Button>
          )}
        </>
      }
    >
      {[
        kind(d) !== d.name && kind(d),
        d.lastPlace,
        `signed in ${ago(d.lastUsedAt)}`,
        `first ${ago(d.createdAt)}`,
      ]
        .filter(Boolean)
        .join(" · ")}
      <Modal open={naming} onClose={() => setNaming(false)} title="Name this device">
        <Name device={d} onDone={() => setNaming(false)} />
      </Modal>
      <Confirm
        open={sure}
        onClose={() => setSure(false)}
        title={`Forget ${d.name}?`}
        actions={
          <Button
            look="danger"
            onClick={() => {
              setSure(false)
              forget.mutate()
            }}
          >
            Forget it
          </Button>
        }
      >
        At its next sign-in we treat it as new: you get a mail, and may have to show more. It isn’t signed
        out.
      </Confirm>
    </Row>
  )
}

/** What a device is, whatever its owner calls it. */
function kind(d: KnownDevice): string {
  return [d.browser, d.os].filter(Boolean).join(" on ")
}

function Name({ device: d, onDone }: { device: KnownDevice; onDone: () => void }) {
  const changed = queries.useChanged("devices")
  const say = useSay()
  const { busy, error, onSubmit } = useSubmit(async ({ name = "" }) => {
    const params = { path: { id: d.id } }
    await ask(api.PATCH("/api/auth/devices/{id}", { params, body: { name: name.trim() } }))
    changed()
    onDone()
    say("The name is kept.")
  })
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <FormProblem error={error} />
      <Input
        label="Its name"
        name="name"
        required
        autoFocus
        maxLength={60}
        defaultValue={d.name}
        hint="So that you know it among others, such as “Kitchen tablet”."
        error={error?.field("name")}
      />
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onDone}>
          Cancel
        </Button>
        <Button look="primary" type="submit" writes busy={busy}>
          Keep this name
        </Button>
      </div>
    </form>
  )
}
