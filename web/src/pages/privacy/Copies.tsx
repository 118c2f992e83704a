// A copy of everything: asked for, made in the background, and downloaded while its day lasts.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { Download, FileArchive, FileClock, FileX, PackageOpen } from "lucide-react"
import type { ReactNode } from "react"
import { api, ask } from "../../api/client"
import type { DataCopy } from "../../api/types"
import { ago, when } from "../../format/dates"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Pill } from "../../ui/Pill"
import { Empty, Failed, RowSkeletons } from "../../ui/States"
import { useSay } from "../../ui/Toasts"
import { Row } from "../security/Row"
import { useGuard } from "../security/StepUp"
import { save } from "../security/save"
import * as queries from "./queries"

export function Copies() {
  const { data, error, refetch } = useQuery(queries.copies)
  const guard = useGuard()
  const say = useSay()
  const client = useQueryClient()
  const order = useMutation({
    mutationFn: () => guard(() => ask(api.POST("/api/privacy/export"))),
    onSuccess: () => {
      say("Your copy is being made.")
      void client.invalidateQueries({ queryKey: ["privacy", "copies"] })
    },
    onError: (e) => say(e.message, { bad: true }),
  })
  const making = data?.some((c) => c.status === "making") ?? false
  const button = (
    <Button writes size="sm" busy={order.isPending || making} onClick={() => order.mutate()}>
      Make a copy
    </Button>
  )
  return (
    <Card id="copies" title="A copy of my data" flush aside={data && data.length > 0 ? button : undefined}>
      {error && !data ? (
        <Failed what="your copies" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={2} what="your copies" />
      ) : data.length === 0 ? (
        <Empty icon={<PackageOpen />} title="Take your data with you" action={button}>
          Everything that Flint keeps of you, as a zip of JSON and CSV files: accounts, balances,
          transactions, imports, sign-ins and your log.
        </Empty>
      ) : (
        <ul aria-label="Copies of my data" aria-live="polite">
          {data.map((c) => (
            <One key={c.id} copy={c} />
          ))}
        </ul>
      )}
    </Card>
  )
}

const states: Record<DataCopy["status"], { icon: ReactNode; pill: ReactNode }> = {
  making: {
    icon: <FileClock />,
    pill: (
      <Pill tone="busy" dot>
        being made
      </Pill>
    ),
  },
  ready: { icon: <FileArchive />, pill: <Pill tone="good">ready</Pill> },
  expired: { icon: <FileX />, pill: <Pill>gone</Pill> },
  failed: { icon: <FileX />, pill: <Pill tone="bad">failed</Pill> },
}

/** "480 kB", "3.2 MB" */
export function size(bytes: number): string {
  if (bytes < 1_000_000) return `${Math.max(1, Math.round(bytes / 1000))} kB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}

function says(c: DataCopy): string {
  switch (c.status) {
    case "making":
      return "It takes a moment. You can leave this page."
    case "ready":
      return `${size(c.bytes)} · can be downloaded until ${when(c.expiresAt)}, then it is destroyed`
    case "expired":
      return "Its day is over, and it is destroyed. Make another."
    case "failed":
      return "It would be larger than we can make here. Please write to us."
  }
}

function One({ copy: c }: { copy: DataCopy }) {
  const guard = useGuard()
  const say = useSay()
  const fetching = useMutation({
    mutationFn: () =>
      guard(() =>
        ask(
          api.GET("/api/privacy/export/{id}/download", { params: { path: { id: c.id } }, parseAs: "blob" }),
        ),
      ),
    onSuccess: (file) => save(file as Blob, "flint-data.zip"),
    onError: (e) => say(e.message, { bad: true }),
  })
  const { icon, pill } = states[c.status]
  return (
    <Row
      icon={icon}
      title={
        <>
          Asked for {ago(c.askedAt)} {pill}
        </>
      }
      action={
        c.status === "ready" && (
          <Button
            size="sm"
            icon={<Download />}
            busy={fetching.isPending}
            onClick={() => fetching.mutate()}
            aria-label={`Download the copy that was asked for ${ago(c.askedAt)}`}
          >
            Download
          </Button>
        )
      }
    >
      {says(c)}
    </Row>
  )
}
