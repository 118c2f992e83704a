// Live events. The server says *that* something changed, never what: each topic names
// the queries to refetch. Only `sync` carries figures, the counts of a running sync.
//
// One EventSource serves all tabs of a browser: the tab that holds a lock listens and
// tells the others over a BroadcastChannel. When it closes, the next takes the lock.
import type { QueryClient } from "@tanstack/react-query"

export type Topic = "hello" | "wealth" | "transactions" | "connection" | "sync" | "import"
export const topics: Topic[] = ["hello", "wealth", "transactions", "connection", "sync", "import"]

export interface LiveEvent {
  topic: Topic
  data: Record<string, unknown>
}

export type SyncPhase = "accounts" | "transactions" | "positions" | "applying" | "done" | "failed"

/** How far one running sync has come; counts are what the server has really done. */
export interface SyncProgress {
  connection: string
  run: string
  phase: SyncPhase
  accounts: number
  fetched: number
  added: number
  updated: number
  removed: number
  positions: number
}

export interface LiveState {
  /** Whether events are arriving; while not, pages poll once a minute. */
  connected: boolean
  /** The latest progress per connection. Finished runs stay until the next begins. */
  sync: Record<string, SyncProgress>
}

export const quiet: LiveState = { connected: false, sync: {} }

const phases: SyncPhase[] = ["accounts", "transactions", "positions", "applying", "done", "failed"]

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0
}

/** Folds one event into the state. Late events of an older phase never turn progress back. */
export function reduce(state: LiveState, event: LiveEvent): LiveState {
  if (event.topic === "hello") return state.connected ? state : { ...state, connected: true }
  if (event.topic !== "sync") return state
  const d = event.data
  const connection = String(d.connection ?? "")
  const phase = phases.find((p) => p === d.phase)
  if (!connection || !phase) return state
  const run = String(d.run ?? "")
  const before = state.sync[connection]
  const sameRun = before !== undefined && before.run === run
  if (sameRun && phases.indexOf(phase) < phases.indexOf(before.phase)) return state
  const floor = (key: "accounts" | "fetched" | "added" | "updated" | "removed" | "positions") =>
    sameRun ? Math.max(before[key], count(d[key])) : count(d[key])
  const next: SyncProgress = {
    connection,
    run,
    phase,
    accounts: floor("accounts"),
    fetched: floor("fetched"),
    added: floor("added"),
    updated: floor("updated"),
    removed: floor("removed"),
    positions: floor("positions"),
  }
  return { ...state, sync: { ...state.sync, [connection]: next } }
}

/** The query keys that an event makes stale. */
export function staleKeys(event: LiveEvent): string[][] {
  switch (event.topic) {
    case "hello":
      // After a gap anything may have changed.
      return [["dashboard"], ["wealth"], ["accounts"], ["transactions"], ["connections"], ["imports"]]
    case "wealth":
      return [["dashboard"], ["wealth"], ["accounts"]]
    case "transactions":
      return [["transactions"], ["dashboard"]]
    case "connection":
      return [["connections"], ["accounts"], ["dashboard"]]
    case "import":
      return [["imports"]]
    case "sync":
      return event.data.phase === "done" || event.data.phase === "failed"
        ? [["connections"], ["accounts"], ["dashboard"], ["wealth"], ["transactions"]]
        : []
  }
}

/** Reads one event as it comes over the wire; undefined if it is none of ours. */
export function parse(topic: string, data: string): LiveEvent | undefined {
  const known = topics.find((t) => t === topic)
  if (!known) return undefined
  try {
    const value: unknown = data === "" ? {} : JSON.parse(data)
    return { topic: known, data: typeof value === "object" && value !== null ? { ...value } : {} }
  } catch {
    return undefined
  }
}

// A burst of events is one refetch; a sync that goes on for a minute is a refetch every
// few seconds, well within what a person may read in a minute.
const soon = 250
const seldom = 3000

/** What tabs say to each other: an event passed on, the line lost, or "is anybody listening?". */
type Whisper = LiveEvent | "lost" | "anyone?"

/** A small store that React reads with useSyncExternalStore. */
export class Live {
  private state = quiet
  private wasConnected = false
  private listeners = new Set<() => void>()
  private pending = new Map<string, string[]>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private flushed = 0

  constructor(
    private readonly client: Pick<QueryClient, "invalidateQueries">,
    private readonly refresh: () => Promise<boolean>,
  ) {}

  readonly get = (): LiveState => this.state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Takes in an event: updates the state and marks queries stale, soon after the first and then seldom. */
  readonly receive = (event: LiveEvent): void => {
    const gap = event.topic === "hello" && !this.state.connected && this.wasConnected
    this.set(reduce(this.state, event))
    if (event.topic === "hello") this.wasConnected = true
    if (event.topic === "hello" && !gap) return
    for (const key of staleKeys(event)) this.pending.set(key.join("/"), key)
    if (this.pending.size > 0)
      this.timer ??= setTimeout(this.flush, Math.max(soon, this.flushed + seldom - Date.now()))
  }

  readonly lost = (): void => {
    if (this.state.connected) this.set({ ...this.state, connected: false })
  }

  /** The stream broke off. It does when the session is ended elsewhere: ask who is signed in. */
  private interrupted(): void {
    if (!this.state.connected) return
    this.lost()
    void this.client.invalidateQueries({ queryKey: ["user"] })
  }

  private flush = (): void => {
    this.timer = undefined
    this.flushed = Date.now()
    const keys = [...this.pending.values()]
    this.pending.clear()
    for (const queryKey of keys) void this.client.invalidateQueries({ queryKey })
  }

  private set(next: LiveState): void {
    if (next === this.state) return
    this.state = next
    for (const listener of this.listeners) listener()
  }

  /** Starts listening; the returned function stops. */
  start(): () => void {
    const stop = new AbortController()
    const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("flint-live") : undefined
    let leading = false
    channel?.addEventListener("message", (m: MessageEvent<Whisper>) => {
      if (m.data === "lost") this.interrupted()
      else if (m.data !== "anyone?") this.receive(m.data)
      else if (leading && this.state.connected) channel.postMessage({ topic: "hello", data: {} })
    })
    const lead = () => {
      leading = true
      return this.listen(stop.signal, (w) => channel?.postMessage(w))
    }
    if (channel && "locks" in navigator && navigator.locks) {
      navigator.locks.request("flint-live", { signal: stop.signal }, lead).catch(() => undefined)
      channel.postMessage("anyone?" satisfies Whisper)
    } else {
      void lead()
    }
    return () => {
      stop.abort()
      channel?.close()
      clearTimeout(this.timer)
    }
  }

  /** Holds one EventSource open until `signal` aborts, replacing it when the browser gives up on it. */
  private listen(signal: AbortSignal, tell: (w: Whisper) => void): Promise<void> {
    return new Promise((done) => {
      let source: EventSource | undefined
      let retry: ReturnType<typeof setTimeout> | undefined
      let tries = 0
      const open = () => {
        source = new EventSource("/api/events")
        for (const topic of topics) {
          source.addEventListener(topic, (m) => {
            const event = parse(topic, (m as MessageEvent<string>).data)
            if (!event) return
            tries = 0
            this.receive(event)
            tell(event)
          })
        }
        source.addEventListener("error", () => {
          this.interrupted()
          tell("lost")
          // After a network failure the browser reconnects by itself; after a refusal
          // (401, 429) it doesn't, so look after the session and try again, ever slower.
          if (source?.readyState !== EventSource.CLOSED) return
          const wait = Math.min(60_000, 1000 * 2 ** tries++)
          retry = setTimeout(
            () => void this.refresh().then((alive) => alive && !signal.aborted && open()),
            wait,
          )
        })
      }
      if (signal.aborted) return done()
      open()
      signal.addEventListener("abort", () => {
        clearTimeout(retry)
        source?.close()
        done()
      })
    })
  }
}
