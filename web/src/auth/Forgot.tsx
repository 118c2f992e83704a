import { api, ask } from "../api/client"
import { Button, buttonClass } from "../ui/Button"
import { Input } from "../ui/Field"
import { Heading } from "./Frame"
import { fragment } from "./fragment"
import { FormProblem, Notice } from "./Notice"
import { useSubmit } from "./useSubmit"

/** Asks for a mail with which to choose another password. The answer is the same for every address. */
export function Forgot() {
  const { busy, error, answer, onSubmit } = useSubmit(({ email = "" }) =>
    ask(api.POST("/api/auth/request-reset", { body: { email: email.trim() } })),
  )
  return (
    <>
      <Heading title="Choose another password">
        We’ll send you a link.{" "}
        <a href="/signin" className="prose-link">
          Back to sign in
        </a>
      </Heading>
      {answer ? (
        <Notice tone="good">{answer.message || "If we know this address, a mail is on its way."}</Notice>
      ) : (
        <form onSubmit={onSubmit} className="space-y-4">
          <FormProblem error={error} />
          <Input
            label="E-mail"
            name="email"
            type="email"
            autoComplete="username"
            required
            autoFocus
            error={error?.field("email")}
          />
          <Button look="primary" size="lg" type="submit" className="w-full" busy={busy}>
            Send me a link
          </Button>
        </form>
      )}
    </>
  )
}

/** Takes the new password, with the token of the mailed link. */
export function Reset() {
  const token = fragment()
  const { busy, error, answer, onSubmit } = useSubmit(({ password = "" }) =>
    ask(api.POST("/api/auth/reset-password", { body: { token, password } })),
  )
  if (answer) {
    return (
      <>
        <Heading title="Your password is changed">{answer.message}</Heading>
        <a href="/signin" className={buttonClass("primary", "lg", "w-full")}>
          Sign in
        </a>
      </>
    )
  }
  if (!token) {
    return (
      <>
        <Heading title="This link is incomplete">
          Open it from the mail once more, or ask for a new one.
        </Heading>
        <a href="/forgot" className={buttonClass("primary", "lg", "w-full")}>
          Ask for a new link
        </a>
      </>
    )
  }
  return (
    <>
      <Heading title="Choose a new password">You’ll be signed out everywhere else.</Heading>
      <form onSubmit={onSubmit} className="space-y-4">
        <FormProblem error={error} />
        <Input
          label="New password"
          name="password"
          type="password"
          autoComplete="new-password"
          required
          autoFocus
          minLength={8}
          hint="A few words that only you would put together are best."
          error={error?.field("password")}
        />
        <Button look="primary" size="lg" type="submit" className="w-full" busy={busy}>
          Change my password
        </Button>
        {error && (
          <p className="text-center">
            <a href="/forgot" className="prose-link">
              Ask for a new link
            </a>
          </p>
        )}
      </form>
    </>
  )
}
