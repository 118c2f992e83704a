import { api, ask } from "../api/client"
import { Button } from "../ui/Button"
import { Input } from "../ui/Field"
import { Checkpoint } from "./Checkpoint"
import { Heading } from "./Frame"
import { FormProblem, Notice } from "./Notice"
import { useSubmit } from "./useSubmit"

/** Asks for a mail, always with the same answer: a link to sign in with, or one to choose another password. */
export default function MailLink({
  path,
  title,
  children,
}: {
  path: "/api/auth/magic-link" | "/api/auth/request-reset"
  title: string
  children: string
}) {
  const { busy, error, answer, onSubmit, check } = useSubmit(
    ({ email = "" }, extra) => ask(api.POST(path, { body: { ...extra, email: email.trim() } })),
    path === "/api/auth/magic-link" ? "link" : "reset",
  )
  return (
    <>
      <Heading title={title}>
        {children}{" "}
        <a href="/signin" className="prose-link">
          Back to sign in
        </a>
      </Heading>
      {answer ? (
        <Notice tone="good">{answer.message}</Notice>
      ) : (
        <form onSubmit={onSubmit} className="space-y-4">
          <FormProblem error={error} />
          <Checkpoint check={check} />
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
