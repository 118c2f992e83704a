import { useQuery } from "@tanstack/react-query"
import { useEffect, useRef, useState } from "react"
import type { SyncProgress } from "../api/live"
import * as queries from "../api/queries"
import { count } from "../format/words"
import { useLive } from "./live"

/** The sentence for the end of a sync. */
export function endOfSync(name: string, p: SyncProgress): string {
  if (p.phase === "failed") return `${name}: the update didn’t finish. We’ll try again.`
  return p.added > 0
    ? `${name} is up to date: ${count(p.added, "new transaction")}.`
    : `${name} is up to date.`
}

/** Reads the end of each sync aloud, for people who don't see the page change. */
export function Announcer() {
  const { sync } = useLive()
  const heard = Object.values(sync)
  const { data, isPending } = useQuery({ ...queries.connections, enabled: heard.length > 0 })
  const told = useRef(new Map<string, string>())
  const [text, setText] = useState("")
  useEffect(() => {
    if (isPending) return // whose end it is, is being read
    for (const p of Object.values(sync)) {
      if (p.phase !== "done" && p.phase !== "failed") continue
      if (told.current.get(p.connection) === p.run) continue
      told.current.set(p.connection, p.run)
      const name = data?.connections?.find((c) => c.id === p.connection)?.institutionName ?? "Your account"
      setText(endOfSync(name, p))
    }
  }, [sync, data, isPending])
  return (
    <div role="status" aria-live="polite" className="sr-only">
      {text}
    </div>
  )
}
