import { useEffect, useRef, useState } from "react"
import { api, ask } from "../api/client"
import { passkeysWork, showPasskey } from "../api/passkeys"
import { type ApiError, asApiError } from "../api/problem"
import { Button } from "../ui/Button"
import { Input } from "../ui/Field"
import { Checkpoint } from "./Checkpoint"
import { destination } from "./destination"
import { Heading } from "./Frame"
import { FormProblem } from "./Notice"
import { asksMore, Onward } from "./Onward"
import { useSubmit } from "./useSubmit"

export function SignIn() {
  const { busy, error, answer, onSubmit, reset, check } = useSubmit(
    async ({ email = "", password = "" }, extra) => {
      const signedIn = await ask(
        api.POST("/api/auth/login", { body: { ...extra, email: email.trim(), password } }),
      )
      location.assign(destination(location.search))
      return signedIn
    },
    "login",
  )
  const [stopped, setStopped] = useState<ApiError>() // on the way in by a passkey
  const more = error ?? stopped
  if (asksMore(more)) {
    const back = () => {
      reset()
      setStopped(undefined)
    }
    return <Onward refusal={more} onBack={back} />
  }
  return (
    <>
      <Heading title="Welcome back">
        New here?{" "}
        <a href="/signup" className="prose-link">
          Create an account
        </a>
      </Heading>
      <form onSubmit={onSubmit} className="space-y-4">
        <FormProblem error={error} />
        <Checkpoint check={check} />
        <Input
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username webauthn"
          required
          autoFocus
          error={error?.field("email")}
        />
        <Input
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          error={error?.field("password")}
        />
        <p className="-mt-2 flex flex-wrap justify-between gap-x-4 text-sm">
          <a href="/signin/mail" className="prose-link">
            Mail me a link
          </a>
          <a href="/forgot" className="prose-link">
            Forgot your password?
          </a>
        </p>
        <Button look="primary" size="lg" type="submit" className="w-full" busy={busy || answer !== undefined}>
          Sign in
        </Button>
      </form>
      {passkeysWork() && <Passkey onStopped={setStopped} />}
    </>
  )
}

/** A passkey is the whole sign-in. The browser also offers one where the address is typed. */
function Passkey({ onStopped }: { onStopped: (refusal: ApiError) => void }) {
  const [refused, setRefused] = useState<ApiError>()
  const quiet = useRef<AbortController>(undefined)
  const { busy, error, answer, onSubmit } = useSubmit(async () => {
    setRefused(undefined)
    quiet.current?.abort() // a browser shows one request at a time
    return enter(await showPasskey())
  })
  useEffect(() => {
    const stop = new AbortController()
    quiet.current = stop
    const offer = async () => {
      if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return
      // Whoever doesn't take the offer signs in another way.
      const taken = await showPasskey(stop.signal).catch(() => undefined)
      if (taken) await enter(taken)
    }
    offer().catch((e) => setRefused(asApiError(e)))
    return () => stop.abort()
  }, [])
  const refusal = error ?? refused
  useEffect(() => {
    if (asksMore(refusal)) onStopped(refusal)
  }, [refusal, onStopped])
  return (
    <form onSubmit={onSubmit} className="mt-4 space-y-4">
      <Button size="lg" type="submit" className="w-full" busy={busy || answer !== undefined}>
        Sign in with a passkey
      </Button>
      <FormProblem error={refusal} />
    </form>
  )
}

async function enter(credential: Record<string, unknown>) {
  const signedIn = await ask(api.POST("/api/auth/passkeys/sign-in", { body: { credential } }))
  location.assign(destination(location.search))
  return signedIn
}
