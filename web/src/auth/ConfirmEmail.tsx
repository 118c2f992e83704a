import { useEffect, useRef, useState } from "react"
import { api, ask } from "../api/client"
import { type ApiError, asApiError } from "../api/problem"
import { buttonClass, Spinner } from "../ui/Button"
import { Heading } from "./Frame"
import { fragment } from "./fragment"

/** Makes a new e-mail address the account's own, with the token mailed to it. */
export default function ConfirmEmail() {
  const [state, setState] = useState<"busy" | "done" | ApiError>("busy")
  const sent = useRef(false)
  useEffect(() => {
    if (sent.current) return
    sent.current = true
    ask(api.POST("/api/user/email/confirm", { body: { token: fragment() } })).then(
      () => setState("done"),
      (e) => setState(asApiError(e)),
    )
  }, [])
  if (state === "busy") {
    return (
      <div role="status" className="text-ink-2">
        <Heading title="Confirming your new address" />
        <Spinner />
      </div>
    )
  }
  return (
    <>
      {state === "done" ? (
        <Heading title="Your e-mail is changed">From now on, sign in with the new address.</Heading>
      ) : (
        <Heading title="This link didn’t work">{state.message}</Heading>
      )}
      <a href="/settings/security" className={buttonClass("primary", "lg", "w-full")}>
        Go to your settings
      </a>
    </>
  )
}
