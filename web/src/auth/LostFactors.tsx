import { api, ask } from "../api/client"
import { Button, buttonClass } from "../ui/Button"
import { Heading } from "./Frame"
import { FormProblem } from "./Notice"
import { useSubmit } from "./useSubmit"

/** The way back for who knows the password and has the mailbox, but no second step any more. */
export default function LostFactors({ challenge, onBack }: { challenge: string; onBack: () => void }) {
  const { busy, error, answer, onSubmit } = useSubmit(() =>
    ask(api.POST("/api/auth/mfa/recover", { body: { challenge } })),
  )
  if (answer) {
    return (
      <>
        <Heading title="We’ve written to you">{answer.message}</Heading>
        <a href="/signin" className={buttonClass("primary", "lg", "w-full")}>
          Back to sign in
        </a>
      </>
    )
  }
  return (
    <>
      <Heading title="Lost your second step?">
        Look for the backup codes first: one of them is enough. Without any, it takes three days.
      </Heading>
      <ol className="mb-6 list-decimal space-y-1.5 pl-5 text-ink-2">
        <li>We mail you now, so that you can stop it if it wasn’t you.</li>
        <li>After three days, another mail brings a link that removes the second step.</li>
        <li>Then your password signs in, and you set a second step up again.</li>
      </ol>
      <form onSubmit={onSubmit} className="space-y-4">
        <FormProblem error={error} />
        <Button look="primary" size="lg" type="submit" className="w-full" busy={busy}>
          Begin the three days
        </Button>
      </form>
      <p className="mt-5 text-sm">
        <button type="button" className="prose-link" onClick={onBack}>
          Back
        </button>
      </p>
    </>
  )
}
