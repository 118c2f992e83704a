import { useMutation, useQuery } from "@tanstack/react-query"
import { Monitor, Smartphone } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../../api/client"
import type { Session } from "../../api/types"
import { ago } from "../../format/dates"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Confirm } from "../../ui/Overlay"
import { Pill } from "../../ui/Pill"
import { Failed, RowSkeletons } from "../../ui/States"
import { useSay } from "../../ui/Toasts"
import * as queries from "./queries"
import { Row } from "./Row"
import { useGuard } from "./StepUp"

/** "Firefox on Linux", as the log and the mails call it too. */
export function deviceName({ device: { browser, os } }: Pick<Session, "device">): string {
  if (browser && os) return `${browser} on ${os}`
  if (browser) return browser.charAt(0).toUpperCase() + browser.slice(1)
  return os ? `A browser on ${os}` : "An unknown device"
}

export function Sessions() {
  const { data, error, refetch } = useQuery(queries.sessions)
  const list = [...(data ?? [])].sort((a, b) => Number(b.current) - Number(a.current))
  return (
    <Card
      id="sessions"
      title="Where you’re signed in"
      flush
      aside={list.length > 1 ? <EndOthers /> : undefined}
    >
      {error && !data ? (
        <Failed what="your devices" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={3} what="your devices" />
      ) : (
        <ul>
          {list.map((s) => (
            <One key={s.id} session={s} />
          ))}
        </ul>
      )}
    </Card>
  )
}

function useEnd(call: () => Promise<{ message: string }>) {
  const guard = useGuard()
  const say = useSay()
  const changed = queries.useChanged("sessions")
  return useMutation({
    mutationFn: () => guard(call),
    onSuccess: ({ message }) => {
      changed()
      say(message)
    },
    onError: (e) => say(e.message, { bad: true }),
  })
}

function One({ session: s }: { session: Session }) {
  const name = deviceName(s)
  const end = useEnd(() => ask(api.DELETE("/api/auth/sessions/{id}", { params: { path: { id: s.id } } })))
  const mobile = /iPhone|iPad|Android/.test(s.device.os)
  return (
    <Row
      icon={mobile ? <Smartphone /> : <Monitor />}
      title={
        <>
          {name}
          {s.current && <Pill tone="good">this device</Pill>}
        </>
      }
      action={
        !s.current && (
          <Button
            writes
            size="sm"
            busy={end.isPending}
            onClick={() => end.mutate()}
            aria-label={`Sign out ${name}`}
          >
            Sign out
          </Button>
        )
      }
    >
      {[s.place?.name, s.ipAddress].filter(Boolean).join(" · ")}
      {(s.place || s.ipAddress) && " · "}
      {s.current ? "in use now" : `last used ${ago(s.lastUsedAt)}`}
    </Row>
  )
}

function EndOthers() {
  const [sure, setSure] = useState(false)
  const end = useEnd(() => ask(api.DELETE("/api/auth/sessions")))
  return (
    <>
      <Button writes size="sm" busy={end.isPending} onClick={() => setSure(true)}>
        Sign out all others
      </Button>
      <Confirm
        open={sure}
        onClose={() => setSure(false)}
        title="Sign out all other devices?"
        actions={
          <Button
            look="danger"
            onClick={() => {
              setSure(false)
              end.mutate()
            }}
          >
            Sign out all others
          </Button>
        }
      >
        Only this device stays signed in. The others notice within a second.
      </Confirm>
    </>
  )
}
