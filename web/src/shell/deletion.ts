// The end of one's account, as it is told above every page and on the page about it.
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { api, ask } from "../api/client"
import { useSay } from "../ui/Toasts"

/** Marks what is said about the account's deletion stale: here, and on the page about it. */
export function useDeletionChanged(): () => void {
  const client = useQueryClient()
  return () => {
    void client.invalidateQueries({ queryKey: ["notices"] })
    void client.invalidateQueries({ queryKey: ["privacy", "deletion"] })
  }
}

/** Keeps an account that was to be deleted. */
export function useUndoDeletion() {
  const say = useSay()
  const changed = useDeletionChanged()
  return useMutation({
    mutationFn: () => ask(api.DELETE("/api/privacy/deletion")),
    onSuccess: () => say("Your account stays."),
    onError: (e) => say(e.message, { bad: true }),
    onSettled: changed,
  })
}
