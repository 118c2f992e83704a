import { useEffect, useRef, useState } from "react"
import { api, ask } from "../api/client"
import { type ApiError, asApiError } from "../api/problem"
import { Button, buttonClass, Spinner } from "../ui/Button"
import { Input } from "../ui/Field"
import { Checkpoint } from "./Checkpoint"
import { Heading } from "./Frame"
import { fragment } from "./fragment"
import { FormProblem, Notice } from "./Notice"
import { useSubmit } from "./useSubmit"

/** Confirms an e-mail address with the token of the mailed link. */
export default function Verify() {
  const [state, setState] = useState<"busy" | "done" | ApiError>("busy")
  const sent = useRef(false)
  useEffect(() => {
    if (sent.current) return
    sent.current = true
    ask(api.POST("/api/auth/verify-email", { body: { token: fragment() } })).then(
      () => setState("done"),
      (e) => setState(asApiError(e)),
    )
  }, [])
  if (state === "busy") {
    return (
      <div role="status" className="text-ink-2">
        <Heading title="Confirming your e-mail" />
        <Spinner />
      </div>
    )
  }
  if (state === "done") {
    return (
      <>
        <Heading title="Your e-mail is confirmed">You can sign in now.</Heading>
        <a href="/signin" className={buttonClass("primary", "lg", "w-full")}>
          Sign in
        </a>
      </>
    )
  }
  return (
    <>
      <Heading title="This link didn’t work">{state.message}</Heading>
      <Resend />
    </>
  )
}

function Resend() {
  const { busy, error, answer, onSubmit, check } = useSubmit(
    ({ email = "" }, extra) =>
      ask(api.POST("/api/auth/resend-verification", { body: { ...extra, email: email.trim() } })),
    "resend",
  )
  if (answer)
    return (
      <Notice tone="good">{answer.message || "If we know this address, a new mail is on its way."}</Notice>
    )
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <FormProblem error={error} />
      <Checkpoint check={check} />
      <Input
        label="Your e-mail"
        name="email"
        type="email"
        autoComplete="username"
        required
        error={error?.field("email")}
      />
      <Button look="primary" size="lg" type="submit" className="w-full" busy={busy}>
        Send me a new link
      </Button>
    </form>
  )
}
