import { useQueryClient } from "@tanstack/react-query"
import { createContext, type ReactNode, useContext, useEffect, useSyncExternalStore } from "react"
import { type Live, type LiveState, quiet, type SyncProgress } from "../api/live"
import { currentLook } from "../api/looking"

const Context = createContext<Live | undefined>(undefined)

/** Listens for live events while mounted, and polls once a minute while none can come. */
export function LiveProvider({ live, children }: { live: Live; children: ReactNode }) {
  const client = useQueryClient()
  // Whoever looks at somebody's data hears of their own account alone, so they poll.
  useEffect(() => (currentLook() ? undefined : live.start()), [live])
  useEffect(() => {
    const timer = setInterval(() => {
      if (live.get().connected || document.visibilityState === "hidden") return
      void client.invalidateQueries({
        predicate: (q) => !["app", "user", "admin"].includes(String(q.queryKey[0])),
      })
    }, 60_000)
    return () => clearInterval(timer)
  }, [live, client])
  return <Context.Provider value={live}>{children}</Context.Provider>
}

const never = () => () => undefined

export function useLive(): LiveState {
  const live = useContext(Context)
  return useSyncExternalStore(live?.subscribe ?? never, live?.get ?? (() => quiet))
}

/** The progress of a connection's running or last sync, if any was seen. */
export function useSync(connection: string): SyncProgress | undefined {
  return useLive().sync[connection]
}
