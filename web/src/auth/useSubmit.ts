import { type FormEvent, useState } from "react"
import { type ApiError, asApiError } from "../api/problem"

/** The life of a form: busy while it is sent, then its error or its answer. */
export function useSubmit<T>(send: (fields: Record<string, string>) => Promise<T>) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError>()
  const [answer, setAnswer] = useState<T>()
  const onSubmit = (e: FormEvent<HTMLFormElement>) => {
    e.preventDefault()
    if (busy) return
    const fields: Record<string, string> = {}
    for (const [name, value] of new FormData(e.currentTarget)) fields[name] = String(value)
    setBusy(true)
    setError(undefined)
    send(fields).then(
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
  return { busy, error, answer, onSubmit, reset }
}
