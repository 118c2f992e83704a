// Which terms the form shows: their version goes with it, so that what was accepted is known.
import { useEffect, useRef } from "react"
import { api, ask } from "../api/client"
import { ApiError } from "../api/problem"

const read = () =>
  ask(api.GET("/api/privacy/documents/{document}", { params: { path: { document: "terms" } } }))

/**
 * Returns a sender of what needs the version of the terms that were in force when the form was
 * shown. When there are newer ones by now it fails, and the next time sends those.
 */
export function useTerms(): <T>(send: (acceptedTerms: string) => Promise<T>) => Promise<T> {
  const shown = useRef<Promise<string>>(undefined)
  const look = () => {
    const version = read().then((d) => d.version)
    shown.current = version
    version.catch(() => {
      if (shown.current === version) shown.current = undefined // asked for again when it is needed
    })
    return version
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the form is shown
  useEffect(() => void look(), [])
  return async (send) => {
    const version = await (shown.current ?? look())
    try {
      return await send(version)
    } catch (e) {
      if (!(e instanceof ApiError) || e.code !== "not_current") throw e
      look()
      throw new ApiError(e.kind, changed, e.code, e.status)
    }
  }
}

const changed = "The terms changed a moment ago. Please read them again before you go on."
