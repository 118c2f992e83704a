import { api, ask } from "../api/client"
import type { Demand } from "../api/problem"
import { Button } from "../ui/Button"
import { Input } from "../ui/Field"
import { destination } from "./destination"
import { Heading } from "./Frame"
import { FormProblem } from "./Notice"
import { useSubmit } from "./useSubmit"

/** A sign-in that looked unlike its owner waits for the code that was mailed to them. */
export default function VerifySignIn({ demand, onBack }: { demand: Demand; onBack: () => void }) {
  const { busy, error, answer, onSubmit } = useSubmit(async ({ code = "" }) => {
    const body = { challenge: demand.challenge, code: code.replace(/\s/g, "") }
    const signedIn = await ask(api.POST("/api/auth/verify-sign-in", { body }))
    location.assign(destination(location.search))
    return signedIn
  })
  if (error?.kind === "gone") {
    return (
      <>
        <Heading title="That took too long">
          The code was good for a few minutes. Begin again for a new one.
        </Heading>
        <Button look="primary" size="lg" className="w-full" onClick={onBack}>
          Sign in again
        </Button>
      </>
    )
  }
  return (
    <>
      <Heading title="Look in your inbox">
        Something about this sign-in is new to us, so we’ve mailed you a code. Your security settings say
        later what it was.
      </Heading>
      <form onSubmit={onSubmit} className="space-y-4">
        <FormProblem error={error} />
        <Input
          label="Code from the mail"
          name="code"
          autoComplete="one-time-code"
          inputMode="numeric"
          pattern="[0-9 ]{6,7}"
          title="Six digits"
          required
          autoFocus
          maxLength={7}
          error={error?.field("code")}
        />
        <Button look="primary" size="lg" type="submit" className="w-full" busy={busy || answer !== undefined}>
          Sign in
        </Button>
      </form>
      <p className="mt-5 text-sm">
        <button type="button" className="prose-link" onClick={onBack}>
          Start again
        </button>
      </p>
    </>
  )
}
