import { useQuery } from "@tanstack/react-query"
import { Trash2 } from "lucide-react"
import { currentLook } from "../api/looking"
import * as queries from "../api/queries"
import { fullDay, today } from "../format/dates"
import { count } from "../format/words"
import { Button } from "../ui/Button"
import { useUndoDeletion } from "./deletion"
import { Strip } from "./Strips"

/** "in 13 days", "tomorrow", "within a day": never a day more than there is. */
export function left(due: string, now = new Date()): string {
  // An hour is let pass, so that fourteen days are fourteen at first.
  const days = Math.floor((new Date(due).getTime() - now.getTime() + 3_600_000) / 86_400_000)
  return days < 1 ? "within a day" : `in ${count(days, "day")}`
}

/** Above every page, while the account is to be deleted. */
export function DeletionStrip() {
  const { data } = useQuery({ ...queries.notices, enabled: !currentLook() })
  const undo = useUndoDeletion()
  const d = data?.deletion
  if (!d) return null
  return (
    <Strip
      tone="warn"
      icon={<Trash2 aria-hidden="true" />}
      action={
        !d.begun && (
          <Button writes size="sm" busy={undo.isPending} onClick={() => undo.mutate()}>
            Keep my account
          </Button>
        )
      }
    >
      {d.begun
        ? "Your account is being deleted."
        : `Your account will be deleted ${left(d.dueAt)}, on ${fullDay(today(new Date(d.dueAt)))}.`}
    </Strip>
  )
}
