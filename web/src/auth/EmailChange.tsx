import { useEffect, useRef, useState } from "react"
import { api, ask } from "../api/client"
import { type ApiError, asApiError } from "../api/problem"
import { Button, buttonClass, Spinner } from "../ui/Button"
import { Heading } from "./Frame"
import { fragment } from "./fragment"
import { FormProblem } from "./Notice"
import { useSubmit } from "./useSubmit"

/** Makes a new e-mail address the account's own, with the token mailed to it. */
export function ConfirmEmail() {
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

/** Takes a change of address back, from the old mailbox. It asks first: it signs everybody out. */
export function UndoEmail() {
  const token = fragment()
  const { busy, error, answer, onSubmit } = useSubmit(() =>
    ask(api.POST("/api/user/email/undo", { body: { token } })),
  )
  if (answer) {
    return (
      <>
        <Heading title="The change is undone">
          Everybody is signed out, and the old password opens nothing any more. Choose a new one now.
        </Heading>
        <a href="/forgot" className={buttonClass("primary", "lg", "w-full")}>
          Choose a new password
        </a>
      </>
    )
  }
  return (
    <>
      <Heading title="Keep your old address?">
        If you didn’t ask for another e-mail address, undo it. Every device is signed out, and you choose a
        new password.
      </Heading>
      <form onSubmit={onSubmit} className="space-y-4">
        <FormProblem error={error} />
        <Button look="primary" size="lg" type="submit" className="w-full" busy={busy} disabled={!token}>
          Undo the change
        </Button>
      </form>
    </>
  )
}
