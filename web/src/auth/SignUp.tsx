import { MailCheck } from "lucide-react"
import { useState } from "react"
import { api, ask } from "../api/client"
import { Button } from "../ui/Button"
import { Input } from "../ui/Field"
import { Checkpoint } from "./Checkpoint"
import { Heading, useApp } from "./Frame"
import { NewPassword } from "./NewPassword"
import { FormProblem, Notice } from "./Notice"
import { useTerms } from "./terms"
import { useSubmit } from "./useSubmit"

export default function SignUp() {
  const [email, setEmail] = useState("")
  const [words, setWords] = useState<string[]>([]) // what a password mustn't be made of
  const withTerms = useTerms()
  const { busy, error, answer, onSubmit, check } = useSubmit(
    ({ firstName = "", lastName = "", email = "", password = "" }, extra) => {
      setEmail(email.trim())
      return withTerms((acceptedTerms) =>
        ask(
          api.POST("/api/auth/public-register", {
            body: {
              ...extra,
              firstName: firstName.trim(),
              lastName: lastName.trim(),
              email: email.trim(),
              password,
              acceptedTerms,
            },
          }),
        ),
      )
    },
    "register",
  )
  if (answer) return <Sent email={email} />
  return (
    <>
      <Heading title="Create your account">
        Already have one?{" "}
        <a href="/signin" className="prose-link">
          Sign in
        </a>
      </Heading>
      <form
        onSubmit={onSubmit}
        onChange={(e) => {
          const typed = new FormData(e.currentTarget)
          setWords(["firstName", "lastName", "email"].map((n) => String(typed.get(n) ?? "")))
        }}
        className="space-y-4"
      >
        <FormProblem error={error} />
        <Checkpoint check={check} />
        <Input
          label="First name"
          name="firstName"
          autoComplete="given-name"
          required
          autoFocus
          maxLength={200}
          error={error?.field("firstName")}
        />
        <Input
          label="Last name (optional)"
          name="lastName"
          autoComplete="family-name"
          maxLength={200}
          error={error?.field("lastName")}
        />
        <Input
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          required
          error={error?.field("email")}
        />
        <NewPassword label="Password" words={words} error={error?.field("password")} />
        <p className="text-sm text-ink-2">
          By creating an account you accept the <Text name="terms">terms of use</Text> and the{" "}
          <Text name="privacy">privacy notice</Text>, and know <Text name="general">what Flint is not</Text>.
        </p>
        <Button look="primary" size="lg" type="submit" className="w-full" busy={busy}>
          Create account
        </Button>
      </form>
    </>
  )
}

/** Leads to one of our texts, beside the form and what is typed into it. */
function Text({ name, children }: { name: string; children: string }) {
  return (
    <a href={`/legal/${name}`} target="_blank" rel="noopener" className="prose-link">
      {children}
      <span className="sr-only"> (opens a new tab)</span>
    </a>
  )
}

/** The same whether or not the address was known: the mail tells, to its owner alone. */
function Sent({ email }: { email: string }) {
  const app = useApp()
  const resend = useSubmit(
    (_, extra) => ask(api.POST("/api/auth/resend-verification", { body: { ...extra, email } })),
    "resend",
  )
  return (
    <>
      <span className="mb-5 inline-flex size-12 items-center justify-center rounded-xl bg-accent-soft text-accent">
        <MailCheck className="size-6" aria-hidden="true" />
      </span>
      <Heading title="Look in your inbox">
        We’ve written to <strong className="font-medium text-ink">{email}</strong>. Follow the link in the
        mail to finish.
      </Heading>
      <form onSubmit={resend.onSubmit} className="space-y-4">
        {resend.answer && <Notice tone="good">{resend.answer.message || "Sent again."}</Notice>}
        <FormProblem error={resend.error} />
        <Checkpoint check={resend.check} />
        {app?.demo && (
          <a
            href={app.demo.inboxUrl}
            target="_blank"
            rel="noopener noreferrer"
            className="flex h-11 items-center justify-center rounded-md bg-accent-fill px-5 text-lg font-medium text-on-accent hover:bg-accent-hover"
          >
            Open the demo’s inbox
          </a>
        )}
        <Button
          type="submit"
          size="lg"
          className="w-full"
          busy={resend.busy}
          disabled={resend.answer !== undefined}
        >
          Send the mail again
        </Button>
        <p className="text-center">
          <a href="/signin" className="prose-link">
            Back to sign in
          </a>
        </p>
      </form>
    </>
  )
}
