// Bringing a statement: drop a file, or look at the ones brought before.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { Link, useNavigate } from "@tanstack/react-router"
import { clsx } from "clsx"
import { ChevronRight, FileText, FileUp } from "lucide-react"
import { type DragEvent, useRef, useState } from "react"
import { api, ask } from "../api/client"
import * as queries from "../api/queries"
import type { ImportPreview } from "../api/types"
import { ago } from "../format/dates"
import { count, type Tone } from "../format/words"
import { useOnline } from "../shell/online"
import { buttonClass, Spinner } from "../ui/Button"
import { Card } from "../ui/Card"
import { PageHead } from "../ui/PageHead"
import { Pill } from "../ui/Pill"
import { Failed, RowSkeletons } from "../ui/States"

/** The server's limit, said here so that nobody waits for a refusal. */
export const maxBytes = 10 * 1024 * 1024

/** Why a file can't be sent, if so. */
export function refuse(file: { name: string; size: number }): string | undefined {
  if (file.size === 0) return `“${file.name}” is empty.`
  if (file.size > maxBytes) return `“${file.name}” is larger than 10 MB. Export a shorter period.`
  if (/\.(pdf|xlsx?|docx?|zip|png|jpe?g)$/i.test(file.name)) {
    return "We read OFX, QFX and CSV. Most banks offer them beside PDF, under “Download” or “Export”."
  }
  return undefined
}

export default function Import() {
  return (
    <>
      <PageHead
        title="Import"
        lead="Statements from any bank: OFX, QFX or CSV. Nothing is stored twice, and every import can be undone."
      />
      <div className="space-y-5">
        <Drop />
        <Past />
      </div>
    </>
  )
}

function Drop() {
  const navigate = useNavigate()
  const client = useQueryClient()
  const online = useOnline()
  const [over, setOver] = useState(false)
  const [refusal, setRefusal] = useState<string>()
  const input = useRef<HTMLInputElement>(null)
  const upload = useMutation({
    mutationFn: (file: File) =>
      ask(
        api.POST("/api/imports", {
          // The description has no type for a file; the form below carries the real one.
          body: { file: file as unknown as string },
          bodySerializer: (body) => {
            const form = new FormData()
            form.append("file", body.file as unknown as File)
            return form
          },
        }),
      ),
    onSuccess: (preview) => {
      client.setQueryData(queries.importById(preview.id).queryKey, preview)
      void client.invalidateQueries({ queryKey: ["imports"], exact: true })
      void navigate({ to: "/import/$importId", params: { importId: preview.id } })
    },
  })
  const take = (file: File | undefined) => {
    if (!file || !online || upload.isPending) return
    const why = refuse(file)
    setRefusal(why)
    if (!why) upload.mutate(file)
  }
  const onDrop = (e: DragEvent) => {
    e.preventDefault()
    setOver(false)
    take(e.dataTransfer.files[0])
  }
  const problem = refusal ?? upload.error?.message
  return (
    <section aria-label="Bring a file">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is a shortcut; the button inside does the same */}
      <div
        onDragOver={(e) => {
          e.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={onDrop}
        className={clsx(
          "flex flex-col items-center rounded-xl border-2 border-dashed px-6 py-12 text-center transition-colors",
          over ? "border-accent bg-accent-soft" : "border-line-strong bg-card",
        )}
      >
        <span className="mb-4 inline-flex size-12 items-center justify-center rounded-xl bg-accent-soft text-accent [&_svg]:size-6">
          {upload.isPending ? <Spinner /> : <FileUp aria-hidden="true" />}
        </span>
        <p className="text-lg font-semibold">
          {upload.isPending ? "Reading the file…" : "Drop a statement here"}
        </p>
        <p className="mt-1 text-ink-2">You’ll see every row before anything is kept.</p>
        <input
          ref={input}
          type="file"
          accept=".ofx,.qfx,.csv,.txt,text/csv,application/x-ofx"
          aria-label="Statement file"
          className="sr-only"
          tabIndex={-1}
          onChange={(e) => {
            take(e.target.files?.[0])
            e.target.value = ""
          }}
        />
        <button
          type="button"
          disabled={!online || upload.isPending}
          title={online ? undefined : "You’re offline. This works again when you’re back."}
          className={buttonClass("primary", "md", "mt-5")}
          onClick={() => input.current?.click()}
        >
          Choose a file
        </button>
        {problem && (
          <p role="alert" className="mt-4 max-w-lg rounded-md bg-down-soft px-3 py-2">
            {problem}
          </p>
        )}
      </div>
    </section>
  )
}

function Past() {
  const { data, error, refetch } = useQuery(queries.imports)
  if (data && data.length === 0) return null
  return (
    <Card id="past" title="Earlier imports" flush>
      {error && !data ? (
        <Failed what="earlier imports" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={3} what="earlier imports" />
      ) : (
        <ul>
          {data.map((i) => (
            <li key={i.id} className="border-t border-line first:border-t-0">
              <Link
                to="/import/$importId"
                params={{ importId: i.id }}
                className="row-y flex items-center gap-3 px-5 transition-colors hover:bg-sunken max-sm:px-4"
              >
                <span className="inline-flex size-9 shrink-0 items-center justify-center rounded-lg bg-sunken text-ink-2">
                  <FileText className="size-4.5" aria-hidden="true" />
                </span>
                <span className="min-w-0 flex-1">
                  <span className="block truncate font-medium">{i.filename}</span>
                  <span className="block truncate text-sm text-ink-3">
                    {count(i.summary.new + i.summary.possible, "row")} ·{" "}
                    {ago(i.undoneAt ?? i.appliedAt ?? i.createdAt)}
                  </span>
                </span>
                <StatusPill status={i.status} />
                <ChevronRight className="size-4 shrink-0 text-ink-3 max-sm:hidden" aria-hidden="true" />
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

const statuses: Record<ImportPreview["status"], { word: string; tone: Tone }> = {
  preview: { word: "Not applied yet", tone: "warn" },
  applied: { word: "Applied", tone: "good" },
  undone: { word: "Undone", tone: "plain" },
}

export function StatusPill({ status }: { status: ImportPreview["status"] }) {
  const { word, tone } = statuses[status]
  return <Pill tone={tone}>{word}</Pill>
}
