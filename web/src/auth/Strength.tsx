import { clsx } from "clsx"
import { useEffect, useRef, useState } from "react"
import { api, ask } from "../api/client"
import { asApiError } from "../api/problem"

const tones = ["bg-down", "bg-down", "bg-warn", "bg-up", "bg-up"]

/**
 * How hard a password is to guess, as the server will judge it; `words` are the person's own. It
 * asks once the typing rests, and rests itself for as long as the server asks it to.
 */
export default function Strength({ password, words }: { password: string; words?: string[] }) {
  const [said, setSaid] = useState<{ score: number; message: string; acceptable: boolean }>()
  const notBefore = useRef(0) // ms
  const given = (words ?? []).filter(Boolean).join("\n")
  useEffect(() => {
    if (password.length < 4) return setSaid(undefined)
    const stop = new AbortController()
    const timer = setTimeout(
      () => {
        const body = { password, words: given ? given.split("\n") : [] }
        // Without an answer there is no estimate; the server judges again when it is sent.
        ask(api.POST("/api/auth/password-strength", { body, signal: stop.signal })).then(setSaid, (e) => {
          if (stop.signal.aborted) return
          notBefore.current = Date.now() + 1000 * asApiError(e).retryAfter
          setSaid(undefined)
        })
      },
      Math.max(400, notBefore.current - Date.now()),
    )
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [password, given])
  const score = said ? (said.acceptable ? said.score : Math.min(said.score, 1)) : -1
  return (
    <div className="mt-2 min-h-7" role="status">
      {said && (
        <>
          <span className="flex gap-1" aria-hidden="true">
            {[1, 2, 3, 4].map((n) => (
              <span
                key={n}
                className={clsx(
                  "h-1 flex-1 rounded-full",
                  n <= Math.max(score, 1) ? tones[score] : "bg-line",
                )}
              />
            ))}
          </span>
          <p className={clsx("mt-1 text-sm", said.acceptable ? "text-ink-3" : "text-down")}>{said.message}</p>
        </>
      )}
    </div>
  )
}
