// Adding or mending a connection: what do you want to add, what will happen, then the
// provider's own window. This page alone may load a provider's script, so it is entered
// and left by full document loads.
import { useMutation, useQuery } from "@tanstack/react-query"
import { useNavigate, useSearch } from "@tanstack/react-router"
import { Bitcoin, Check, ChevronLeft, ChevronRight, FileUp, Landmark, LineChart, X } from "lucide-react"
import { type ReactNode, useEffect, useRef, useState } from "react"
import { api, ask } from "../api/client"
import { ApiError } from "../api/problem"
import * as queries from "../api/queries"
import type { Connection } from "../api/types"
import { count } from "../format/words"
import type { ConnectSearch } from "../shell/router"
import { Button, buttonClass } from "../ui/Button"
import { Card } from "../ui/Card"
import { PageHead } from "../ui/PageHead"
import { Failed, Loading, Skeleton } from "../ui/States"
import { loadTeller, type TellerEnrollment } from "./teller"

type Goal = NonNullable<ConnectSearch["goal"]>

const goals: {
  goal: Goal
  title: string
  text: string
  icon: ReactNode
  provider: "Teller" | "SnapTrade"
}[] = [
  {
    goal: "bank",
    title: "Bank or card",
    text: "Checking, savings, credit cards, loans",
    icon: <Landmark />,
    provider: "Teller",
  },
  {
    goal: "brokerage",
    title: "Brokerage",
    text: "Stocks, funds, retirement accounts",
    icon: <LineChart />,
    provider: "SnapTrade",
  },
  {
    goal: "crypto",
    title: "Crypto exchange",
    text: "Coins and cash at an exchange",
    icon: <Bitcoin />,
    provider: "SnapTrade",
  },
]

export default function Connect() {
  const { goal, reconnect } = useSearch({ from: "/connect" })
  const { data, error, refetch } = useQuery(queries.connections)
  const { data: app } = useQuery(queries.appInfo)
  const mending = data?.connections?.find((c) => c.id === reconnect)
  const full = data && !reconnect && data.limit !== null && data.used >= data.limit
  return (
    <div className="mx-auto max-w-2xl">
      <PageHead
        title={mending ? `Reconnect ${mending.institutionName}` : "Add an account"}
        lead={mending ? "Your history stays as it is." : "What would you like to add?"}
      />
      {error && !data ? (
        <Card>
          <Failed what="this page" error={error} retry={() => void refetch()} />
        </Card>
      ) : !data || !app ? (
        <Loading what="the choices">
          <div className="space-y-3">
            <Skeleton className="h-20 rounded-xl" />
            <Skeleton className="h-20 rounded-xl" />
            <Skeleton className="h-20 rounded-xl" />
          </div>
        </Loading>
      ) : full ? (
        <PlanFull limit={data.limit ?? 0} />
      ) : goal ? (
        <Explain
          goal={goal}
          mending={mending}
          reconnect={reconnect}
          enabled={goal === "bank" ? app.teller.enabled : app.snaptrade.enabled}
        />
      ) : (
        <Choose />
      )}
    </div>
  )
}

function Choose() {
  const navigate = useNavigate()
  return (
    <ul className="space-y-3">
      {goals.map((g) => (
        <li key={g.goal}>
          <button
            type="button"
            className="card flex w-full items-center gap-4 p-4 text-left transition-colors hover:border-accent"
            onClick={() => void navigate({ to: "/connect", search: { goal: g.goal } })}
          >
            <Choice icon={g.icon} title={g.title} text={g.text} />
          </button>
        </li>
      ))}
      <li>
        <a href="/import" className="card flex items-center gap-4 p-4 transition-colors hover:border-accent">
          <Choice icon={<FileUp />} title="Import a file" text="OFX, QFX or CSV from any bank in the world" />
        </a>
      </li>
    </ul>
  )
}

function Choice({ icon, title, text }: { icon: ReactNode; title: string; text: string }) {
  return (
    <>
      <span
        aria-hidden="true"
        className="inline-flex size-12 shrink-0 items-center justify-center rounded-xl bg-accent-soft text-accent [&_svg]:size-6"
      >
        {icon}
      </span>
      <span className="flex-1">
        <span className="block text-lg font-semibold">{title}</span>
        <span className="block text-ink-2">{text}</span>
      </span>
      <ChevronRight className="size-5 text-ink-3" aria-hidden="true" />
    </>
  )
}

function PlanFull({ limit }: { limit: number }) {
  return (
    <Card>
      <h2 className="text-lg font-semibold">Your plan’s places are taken</h2>
      <p className="mt-1 text-ink-2">
        Your plan allows {count(limit, "connection")}. Disconnect one you no longer need, or import a file:
        files don’t count.
      </p>
      <div className="mt-5 flex gap-2">
        <a href="/connections" className={buttonClass("primary")}>
          See my connections
        </a>
        <a href="/import" className={buttonClass()}>
          Import a file
        </a>
      </div>
    </Card>
  )
}

interface ExplainProps {
  goal: Goal
  mending?: Connection
  reconnect?: string
  enabled: boolean
}

function Explain({ goal, mending, reconnect, enabled }: ExplainProps) {
  const navigate = useNavigate()
  const info = goals.find((g) => g.goal === goal) ?? goals[0]
  if (!info) return null
  const bank = goal === "bank"
  return (
    <Card>
      <div className="flex items-center gap-4">
        <span
          aria-hidden="true"
          className="inline-flex size-12 shrink-0 items-center justify-center rounded-xl bg-accent-soft text-accent [&_svg]:size-6"
        >
          {info.icon}
        </span>
        <div>
          <h2 className="text-lg font-semibold">{mending?.institutionName ?? info.title}</h2>
          <p className="text-ink-2">
            You’ll sign in with your {bank ? "bank" : "broker"} in {info.provider}’s window.
          </p>
        </div>
      </div>
      <div className="mt-5 grid gap-5 border-t border-line pt-5 sm:grid-cols-2">
        <Points
          title="What we can do"
          good
          points={
            bank
              ? ["See balances and transactions", "Keep them up to date", "Stop the moment you disconnect"]
              : ["See holdings, cash and activity", "Keep them up to date", "Stop the moment you disconnect"]
          }
        />
        <Points
          title="What we can’t"
          points={[
            "See or keep your password",
            bank ? "Move money" : "Place orders: reading only",
            "Share anything with anyone",
          ]}
        />
      </div>
      {enabled ? (
        bank ? (
          <Teller reconnect={reconnect} />
        ) : (
          <SnapTrade kind={goal} reconnect={reconnect} />
        )
      ) : (
        <p className="mt-5 rounded-md bg-warn-soft px-3 py-2 text-warn">
          {info.provider} isn’t set up on this server yet. You can import a file meanwhile.
        </p>
      )}
      {!reconnect && (
        <div className="mt-4 text-center">
          <Button
            look="quiet"
            size="sm"
            icon={<ChevronLeft />}
            onClick={() => void navigate({ to: "/connect", search: {} })}
          >
            Something else
          </Button>
        </div>
      )}
    </Card>
  )
}

function Points({ title, points, good }: { title: string; points: string[]; good?: boolean }) {
  return (
    <div>
      <h3 className="text-sm font-medium text-ink-3">{title}</h3>
      <ul className="mt-2 space-y-2">
        {points.map((p) => (
          <li key={p} className="flex gap-2.5">
            {good ? (
              <Check className="mt-0.5 size-4 shrink-0 text-up" aria-hidden="true" />
            ) : (
              <X className="mt-0.5 size-4 shrink-0 text-ink-3" aria-hidden="true" />
            )}
            {p}
          </li>
        ))}
      </ul>
    </div>
  )
}

/** To the page that shows the first sync, by a full load: out of this page's wider policy. */
function toFirstSync(c: Connection): void {
  location.assign(`/connections/${c.id}/first-sync`)
}

function Problem({ error }: { error: Error | null }) {
  if (!error) return null
  const e = error instanceof ApiError ? error : undefined
  return (
    <div role="alert" className="mt-4 rounded-md bg-down-soft px-3 py-2.5">
      <p>{problemSentence(error)}</p>
      {e?.requestId && <p className="mt-1 text-xs text-ink-2">Request {e.requestId}</p>}
    </div>
  )
}

/** Provider down, blocked and our own faults each read differently. */
export function problemSentence(error: Error): string {
  if (!(error instanceof ApiError)) {
    return "The bank’s window couldn’t be opened. An ad blocker may be in the way: allow it for this page and try again."
  }
  if (error.code === "provider_unavailable")
    return `${error.message} Nothing was changed. Try again in a few minutes.`
  if (error.code === "attempt_expired") return "That took a little long, so we began anew. Please try again."
  return error.message
}

function Teller({ reconnect }: { reconnect?: string }) {
  const [left, setLeft] = useState(false)
  const widget = useRef<{ destroy(): void }>(undefined)
  useEffect(() => () => widget.current?.destroy(), [])
  const finish = useMutation({
    mutationFn: ({ attempt, e }: { attempt: string; e: TellerEnrollment }) =>
      ask(
        api.POST("/api/connections/teller", {
          body: {
            attempt,
            accessToken: e.accessToken,
            userId: e.user.id,
            enrollmentId: e.enrollment.id,
            institution: { id: e.enrollment.institution.id ?? "", name: e.enrollment.institution.name },
            signatures: e.signatures ?? [],
          },
        }),
      ),
    onSuccess: toFirstSync,
  })
  const start = useMutation({
    mutationFn: async () => {
      const s = await ask(api.POST("/api/connections/teller/start", { body: reconnect ? { reconnect } : {} }))
      const teller = await loadTeller(s.scriptUrl)
      widget.current?.destroy()
      const opened = teller.setup({
        applicationId: s.applicationId,
        environment: s.environment,
        products: s.products ?? [],
        nonce: s.nonce,
        ...(s.enrollmentId ? { enrollmentId: s.enrollmentId } : {}),
        selectAccount: "disabled",
        appearance: "system",
        onSuccess: (e) => {
          setLeft(false)
          finish.mutate({ attempt: s.attempt, e })
        },
        onExit: () => setLeft(true),
      })
      widget.current = opened
      opened.open()
    },
    onMutate: () => setLeft(false),
  })
  return (
    <>
      <Problem error={finish.error ?? start.error} />
      {left && !finish.isPending && !finish.isSuccess && (
        <p className="mt-4 rounded-md bg-sunken px-3 py-2.5 text-ink-2">
          You closed the window before it was finished. Nothing was connected.
        </p>
      )}
      <Button
        look="primary"
        size="lg"
        writes
        className="mt-6 w-full"
        busy={start.isPending || finish.isPending || finish.isSuccess}
        onClick={() => start.mutate()}
      >
        {finish.isPending || finish.isSuccess ? "Connecting" : "Continue with Teller"}
      </Button>
    </>
  )
}

function SnapTrade({ kind, reconnect }: { kind: "brokerage" | "crypto"; reconnect?: string }) {
  const start = useMutation({
    mutationFn: () =>
      ask(
        api.POST("/api/connections/snaptrade/start", { body: { kind, ...(reconnect ? { reconnect } : {}) } }),
      ),
    onSuccess: (s) => location.assign(s.redirectUrl),
  })
  return (
    <>
      <Problem error={start.error} />
      <Button
        look="primary"
        size="lg"
        writes
        className="mt-6 w-full"
        busy={start.isPending || start.isSuccess}
        onClick={() => start.mutate()}
      >
        Continue with SnapTrade
      </Button>
    </>
  )
}
