import { type InfiniteData, useQueryClient } from "@tanstack/react-query"
import { useCallback } from "react"
import { api, ask } from "../api/client"
import { asApiError } from "../api/problem"
import type { Transaction, TransactionPage } from "../api/types"
import { useSay } from "../ui/Toasts"

/** How long a deletion waits, so that Undo needs nothing from the server. */
export const undoFor = 8000

type List = InfiniteData<TransactionPage, string>

/** A list without one transaction; totals follow when the server has answered. */
export function without(list: List | undefined, id: string): List | undefined {
  if (!list?.pages) return list
  return {
    ...list,
    pages: list.pages.map((p) => ({ ...p, transactions: p.transactions?.filter((t) => t.id !== id) ?? [] })),
  }
}

/** Deletes a transaction: gone from the page at once, gone for good when Undo has passed. */
export function useDelete(): (t: Transaction) => void {
  const client = useQueryClient()
  const say = useSay()
  return useCallback(
    (t: Transaction) => {
      const refetch = () => void client.invalidateQueries({ queryKey: ["transactions"] })
      const hide = () =>
        client.setQueriesData<List>({ queryKey: ["transactions", "list"] }, (list) => without(list, t.id))
      const send = (keepalive: boolean) =>
        ask(api.DELETE("/api/transactions/{id}", { params: { path: { id: t.id } }, keepalive })).then(
          refetch,
          (e) => {
            refetch()
            say(asApiError(e).message, { bad: true })
          },
        )
      // Leaving the page is no undo: send what is waiting.
      const leave = () => {
        clearTimeout(timer)
        void send(true)
      }
      const timer = setTimeout(() => {
        window.removeEventListener("pagehide", leave)
        stop()
        void send(false)
      }, undoFor)
      window.addEventListener("pagehide", leave)
      // A refetch in the meantime (a live event, say) must not bring the row back.
      const stop = client.getQueryCache().subscribe((e) => {
        if (e.type !== "updated" || e.action.type !== "success" || e.action.manual) return
        if (e.query.queryKey[0] === "transactions" && e.query.queryKey[1] === "list") queueMicrotask(hide)
      })
      hide()
      say("Deleted.", {
        undo: () => {
          clearTimeout(timer)
          window.removeEventListener("pagehide", leave)
          stop()
          refetch()
        },
      })
    },
    [client, say],
  )
}
