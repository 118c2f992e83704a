import type { ReactNode } from "react"
import { api, ask } from "../api/client"
import { Button, buttonClass } from "../ui/Button"
import { Heading } from "./Frame"
import { fragment } from "./fragment"
import { NewPassword } from "./NewPassword"
import { FormProblem } from "./Notice"
import { useSubmit } from "./useSubmit"

/** Takes a new or a first password, with the token of the mailed link. */
export default function Reset({
  path,
  title,
  action,
  children,
}: {
  path: "/api/auth/reset-password" | "/api/auth/setup-password"
  title: string
  action: string
  children: ReactNode
}) {
  const token = fragment()
  const { busy, error, answer, onSubmit } = useSubmit(({ password = "" }) =>
    ask(api.POST(path, { body: { token, password } })),
  )
  if (answer) {
    return (
      <>
        <Heading title="That’s done">{answer.message}</Heading>
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
      <Heading title={title}>{children}</Heading>
      <form onSubmit={onSubmit} className="space-y-4">
        <FormProblem error={error} />
        <NewPassword autoFocus error={error?.field("password")} />
        <Button look="primary" size="lg" type="submit" className="w-full" busy={busy}>
          {action}
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
