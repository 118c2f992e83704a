import { useInfiniteQuery } from "@tanstack/react-query"
import { Activity, CircleUserRound, Database, FileDown, LogIn, Plug } from "lucide-react"
import { type ReactNode, useState } from "react"
import { api, ask } from "../../api/client"
import { asApiError } from "../../api/problem"
import type { SecurityArea, SecurityEvent } from "../../api/types"
import { when } from "../../format/dates"
import { Button, IconButton } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Select } from "../../ui/Field"
import { Pill } from "../../ui/Pill"
import { Failed, RowSkeletons } from "../../ui/States"
import { useSay } from "../../ui/Toasts"
import { Proof, Unproven } from "./Proof"
import * as queries from "./queries"
import { Row } from "./Row"
import { useGuard } from "./StepUp"
import { save } from "./save"

const areas: { value: SecurityArea; text: string; icon: ReactNode }[] = [
  { value: "sign-in", text: "Sign-ins", icon: <LogIn /> },
  { value: "account", text: "Account", icon: <CircleUserRound /> },
  { value: "connections", text: "Connections", icon: <Plug /> },
  { value: "data", text: "Data", icon: <Database /> },
]

export function SecurityLog() {
  const [area, setArea] = useState<SecurityArea>()
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(
    queries.log(area),
  )
  const list = data?.pages.flatMap((p) => p.entries) ?? []
  return (
    <Card
      id="log"
      title="Security log"
      flush
      aside={
        <span className="flex items-center gap-1">
          <Download />
          <Select
            small
            label="Show"
            hideLabel
            value={area ?? ""}
            onChange={(e) => setArea(areas.find((a) => a.value === e.target.value)?.value)}
          >
            <option value="">Everything</option>
            {areas.map((a) => (
              <option key={a.value} value={a.value}>
                {a.text}
              </option>
            ))}
          </Select>
        </span>
      }
    >
      {error && !data ? (
        <Failed what="your security log" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={6} what="your security log" />
      ) : list.length === 0 ? (
        <p className="px-5 py-6 text-ink-2 max-sm:px-4">Nothing of that kind has happened.</p>
      ) : (
        <>
          <ul aria-label="Security log">
            {list.map((e) => (
              <One key={e.id} event={e} />
            ))}
          </ul>
          {hasNextPage && (
            <div className="flex justify-center border-t border-line p-3">
              <Button look="quiet" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                Show earlier
              </Button>
            </div>
          )}
        </>
      )}
    </Card>
  )
}

/** The whole log as a file, for who has proven that it's them. */
function Download() {
  const guard = useGuard()
  const say = useSay()
  const [busy, setBusy] = useState(false)
  const download = async () => {
    setBusy(true)
    try {
      const file = await guard(() => ask(api.GET("/api/security/log.csv", { parseAs: "blob" })))
      save(file, "flint-security-log.csv")
    } catch (e) {
      say(asApiError(e).message, { bad: true })
    } finally {
      setBusy(false)
    }
  }
  return (
    <IconButton name="Download the log (CSV)" disabled={busy} onClick={() => void download()}>
      <FileDown />
    </IconButton>
  )
}

/** Who did it, where it wasn't the reader; nobody says so of what happens by itself. */
function by(event: SecurityEvent): ReactNode {
  if (event.by === "support") return <Pill tone="warn">by Flint’s support</Pill>
  return null
}

function One({ event: e }: { event: SecurityEvent }) {
  const from = [e.device, e.place?.name, e.address].filter(Boolean).join(" · ")
  return (
    <Row
      icon={areas.find((a) => a.value === e.area)?.icon ?? <Activity />}
      title={
        <>
          {e.title} {by(e)}
        </>
      }
      action={<Proof event={e} />}
    >
      {e.detail && <p className="text-ink-2">{e.detail}</p>}
      <time dateTime={e.at}>{when(e.at)}</time>
      {from && ` · ${from}`}
      <Unproven event={e} />
    </Row>
  )
}
