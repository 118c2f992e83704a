// What a public form sends along so that the server can tell people and programs apart:
// a token from when the form was shown, a field that people leave empty and, when the
// server demands it, a proof. How a proof is made is loaded only then.
import { type RefObject, useEffect, useRef, useState } from "react"
import { api, ask } from "../api/client"
import { ApiError } from "../api/problem"
import type { components } from "../api/schema"

export type Action = "login" | "register" | "reset" | "resend" | "link"
export type Challenge = components["schemas"]["Challenge"]
export type Proof = components["schemas"]["Proof"]

/** Goes into the body of a guarded form. */
export interface Guarded {
  website?: string
  formToken?: string
  proof?: Proof
}

/** What `<Checkpoint>` shows. */
export interface Check {
  /** How much of the proof is done, 0 to 1; undefined while none is being made. */
  share: number | undefined
  /** Where a service puts its widget. */
  place: RefObject<HTMLDivElement | null>
}

export function challenge(action: Action, work = false): Promise<Challenge> {
  return ask(api.GET("/api/auth/challenge", { params: { query: work ? { action, work } : { action } } }))
}

/** Milliseconds after which the server takes a form for a person's, and a little. */
const soonest = 1_300

const demands = (e: unknown) =>
  e instanceof ApiError && (e.code === "challenge_required" || e.code === "captcha_failed")

/** Guards a form of `action`; without one it adds nothing. */
export function useGuard(action: Action | undefined) {
  const place = useRef<HTMLDivElement>(null)
  const shown = useRef<Challenge>(undefined)
  const since = useRef(0)
  const sent = useRef(false)
  const [share, setShare] = useState<number>()
  useEffect(() => {
    if (!action) return
    challenge(action).then(
      (c) => {
        shown.current = c
        since.current = Date.now()
      },
      () => undefined, // the form goes without; the server says if it must not
    )
  }, [action])

  async function guard<T>(website: string | undefined, send: (extra: Guarded) => Promise<T>): Promise<T> {
    if (!action) return send({})
    const extra: Guarded = { formToken: shown.current?.token || undefined, website: website || undefined }
    // The demand is known before it is refused. A proof is good once, so another try asks anew.
    const known = shown.current?.required ? shown.current : undefined
    const first = known && sent.current ? await challenge(action) : known
    sent.current = true
    if (shown.current) {
      // A password manager fills a form in faster than people do: that looks like a program.
      const early = since.current + soonest - Date.now()
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
    }
    try {
      return await send(first?.required ? { ...extra, proof: await prove(action, first) } : extra)
    } catch (e) {
      if (!demands(e)) throw e
    }
    try {
      return await send({ ...extra, proof: await prove(action, await challenge(action)) })
    } catch (e) {
      if (!demands(e)) throw e
    }
    // Whom a service doesn't take for a person can still work for it.
    return send({ ...extra, proof: await prove(action, await challenge(action, true)) })
  }

  async function prove(action: Action, c: Challenge): Promise<Proof> {
    setShare(0)
    try {
      const { makeProof } = await import("./proof")
      return await makeProof(action, c, place.current, setShare)
    } finally {
      setShare(undefined)
    }
  }

  return { guard, check: { share, place } satisfies Check }
}
