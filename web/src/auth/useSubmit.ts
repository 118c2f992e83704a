import { type FormEvent, useState } from "react"
import { type ApiError, asApiError } from "../api/problem"
import { type Action, type Guarded, useGuard } from "./guard"

/**
 * The life of a form: busy while it is sent, then its error or its answer. A form that
 * names its action is guarded against bots: it sends `extra` along, and may have to be
 * sent again with a proof, which happens by itself. Show its `<Checkpoint>`.
 */
export function useSubmit<T>(
  send: (fields: Record<string, string>, extra: Guarded) => Promise<T>,
  action?: Action,
) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError>()
  const [answer, setAnswer] = useState<T>()
  const { check, guard } = useGuard(action)
  const onSubmit = (e: FormEvent<HTMLFormElement>) => {
    e.preventDefault()
    if (busy) return
    const fields: Record<string, string> = {}
    for (const [name, value] of new FormData(e.currentTarget)) fields[name] = String(value)
    setBusy(true)
    setError(undefined)
    guard(fields.website, (extra) => send(fields, extra)).then(
      (a) => {
        setAnswer(a)
        setBusy(false)
      },
      (problem: unknown) => {
        setError(asApiError(problem))
        setBusy(false)
      },
    )
  }
  const reset = () => setError(undefined)
  return { busy, error, answer, onSubmit, reset, check }
}
