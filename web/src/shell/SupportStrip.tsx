import { useQuery } from "@tanstack/react-query"
import { Eye } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../api/client"
import { currentLook, leaveLook } from "../api/looking"
import * as queries from "../api/queries"
import { when } from "../format/dates"
import { buttonClass } from "../ui/Button"
import { useSay } from "../ui/Toasts"
import { Strip } from "./Strips"

/** Says to whom looks, and to whom is looked at, that it goes on; both can end it. */
export function SupportStrip() {
  return currentLook() ? <Looking /> : <LookedAt />
}

const end = buttonClass("secondary", "sm")

function Looking() {
  const { data: user } = useQuery(queries.user)
  const [busy, setBusy] = useState(false)
  const look = currentLook()
  if (!look) return null
  const stop = () => {
    setBusy(true)
    const path = { id: look.id }
    // A look that can't be ended any more is over.
    void ask(api.DELETE("/api/admin/support/sessions/{id}", { params: { path } }))
      .catch(() => undefined)
      .then(leaveLook)
  }
  return (
    <Strip
      tone="warn"
      icon={<Eye aria-hidden="true" />}
      action={
        <button type="button" className={end} disabled={busy} onClick={stop}>
          End
        </button>
      }
    >
      You are looking at <strong className="font-semibold">{user?.email ?? "somebody’s account"}</strong>{" "}
      until {when(look.until)}. Read only.
    </Strip>
  )
}

function LookedAt() {
  const { data, refetch } = useQuery(queries.notices)
  const say = useSay()
  const [busy, setBusy] = useState(false)
  const inUse = data?.support.consent?.inUse
  if (!inUse) return null
  const stop = () => {
    setBusy(true)
    ask(api.DELETE("/api/support/consent"))
      .then(
        () => say("Support can’t look any more."),
        (e) => say(e.message, { bad: true }),
      )
      .finally(() => {
        setBusy(false)
        void refetch()
      })
  }
  return (
    <Strip
      tone="warn"
      icon={<Eye aria-hidden="true" />}
      action={
        <button type="button" className={end} disabled={busy} onClick={stop}>
          Stop it
        </button>
      }
    >
      {inUse.by} of Flint’s support is looking at your data, until {when(inUse.until)} at most.
    </Strip>
  )
}
