// Back from SnapTrade's portal, with or without a connection.
import { useMutation } from "@tanstack/react-query"
import { useNavigate, useParams, useSearch } from "@tanstack/react-router"
import { CircleAlert, DoorOpen } from "lucide-react"
import { useEffect, useRef } from "react"
import { api, ask } from "../api/client"
import type { ReturnSearch } from "../shell/router"
import { buttonClass, Spinner } from "../ui/Button"
import { Card } from "../ui/Card"
import { PageHead } from "../ui/PageHead"
import { Empty, Failed } from "../ui/States"

/** What the portal's parameters mean. A return without a status is how a closed portal looks. */
export function outcome(s: ReturnSearch): "linked" | "left" | "failed" {
  const status = s.status?.toUpperCase()
  if (s.connection_id && (status === undefined || status === "SUCCESS")) return "linked"
  if (status === "ERROR" || (status === "SUCCESS" && !s.connection_id)) return "failed"
  return "left"
}

/** The portal's error codes as sentences; see https://docs.snaptrade.com. */
export function portalProblem(code: string | undefined): string {
  const known: Record<string, string> = {
    "1066": "The sign-in details weren’t right.",
    "3000": "The brokerage can’t be reached at the moment.",
    "1023": "That was a different account at the brokerage than before. Please choose the same one.",
    "1140": "The key you gave isn’t allowed to read the account.",
    "1086": "The code from your phone or app wasn’t right.",
  }
  return (code && Object.hasOwn(known, code) && known[code]) || "The brokerage’s window reported a problem."
}

export default function ConnectReturn() {
  const { attempt } = useParams({ from: "/connect/return/$attempt" })
  const search = useSearch({ from: "/connect/return/$attempt" })
  const navigate = useNavigate()
  const result = outcome(search)
  const link = useMutation({
    mutationFn: (authorizationId: string) =>
      ask(api.POST("/api/connections/snaptrade", { body: { attempt, authorizationId } })),
    onSuccess: (c) =>
      navigate({
        to: "/connections/$connectionId/first-sync",
        params: { connectionId: c.id },
        replace: true,
      }),
  })
  const sent = useRef(false)
  const { mutate } = link
  useEffect(() => {
    if (result !== "linked" || !search.connection_id || sent.current) return
    sent.current = true
    mutate(search.connection_id)
  }, [result, search.connection_id, mutate])
  const again = (
    <>
      <a href="/connect" className={buttonClass("primary")}>
        Try again
      </a>
      <a href="/" className={buttonClass()}>
        To the dashboard
      </a>
    </>
  )
  return (
    <div className="mx-auto max-w-2xl">
      <PageHead title="Add an account" />
      <Card>
        {result === "left" ? (
          <Empty icon={<DoorOpen />} title="You left before it was finished" action={again}>
            Nothing was connected.
          </Empty>
        ) : result === "failed" ? (
          <Empty icon={<CircleAlert />} title="It didn’t work this time" action={again}>
            {portalProblem(search.error_code)}{" "}
            {search.error_code && <span className="text-ink-3">(code {search.error_code})</span>}
          </Empty>
        ) : link.error ? (
          <>
            <Failed
              what="the new connection"
              error={link.error}
              retry={search.connection_id ? () => mutate(search.connection_id ?? "") : undefined}
            />
            <div className="flex justify-center gap-2 pb-4">{again}</div>
          </>
        ) : (
          <div role="status" className="flex flex-col items-center py-14 text-ink-2">
            <Spinner />
            <p className="mt-3">Finishing the connection…</p>
          </div>
        )}
      </Card>
    </div>
  )
}
