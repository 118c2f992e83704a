import { api, ask } from "../api/client"
import { Button, buttonClass } from "../ui/Button"
import { Heading } from "./Frame"
import { fragment } from "./fragment"
import { FormProblem } from "./Notice"
import { useSubmit } from "./useSubmit"

const pages = {
  "/undo-email-change": {
    path: "/api/user/email/undo",
    title: "Keep your old address?",
    lead: "If you didn’t ask for another e-mail address, undo it. Every device is signed out, and you choose a new password.",
    action: "Undo the change",
    done: "The change is undone",
    after:
      "Everybody is signed out, the old password opens nothing any more, and second steps that were added since the day before the change are gone. Choose a new password now.",
    next: { to: "/forgot", text: "Choose a new password" },
  },
  "/undo-deletion": {
    path: "/api/privacy/deletion/undo",
    title: "Keep your account?",
    lead: "Your Flint account is to be deleted. If you want to keep it, undo that.",
    action: "Keep my account",
    done: "Your account stays",
    after:
      "If you didn’t ask for its deletion, somebody is signed in to your account. Choose another password now.",
    next: { to: "/forgot", text: "Choose a new password" },
  },
  "/stop-recovery": {
    path: "/api/auth/mfa/recover/cancel",
    title: "Keep your second step?",
    lead: "Somebody who knows your password says that your second step is lost. If it wasn’t you, stop it.",
    action: "Stop the removal",
    done: "Your second step stays",
    after: "If you didn’t ask for its removal, somebody knows your password. Choose another one now.",
    next: { to: "/forgot", text: "Choose a new password" },
  },
  "/finish-recovery": {
    path: "/api/auth/mfa/recover/finish",
    title: "Remove your second step?",
    lead: "Your authenticator app, passkeys and backup codes stop working, and every device is signed out.",
    action: "Remove it",
    done: "The second step is removed",
    after: "Sign in with your password, and set a second step up again.",
    next: { to: "/signin", text: "Sign in" },
  },
} as const

/**
 * Does what a mailed link is for. It asks first: a program that opens every link of a mail must
 * not do it, and people want to know what it does.
 */
export default function Mailed({ page }: { page: keyof typeof pages }) {
  const { path, title, lead, action, done, after, next } = pages[page]
  const token = fragment()
  const { busy, error, answer, onSubmit } = useSubmit(() => ask(api.POST(path, { body: { token } })))
  if (answer) {
    return (
      <>
        <Heading title={done}>{after}</Heading>
        <a href={next.to} className={buttonClass("primary", "lg", "w-full")}>
          {next.text}
        </a>
      </>
    )
  }
  return (
    <>
      <Heading title={title}>{lead}</Heading>
      <form onSubmit={onSubmit} className="space-y-4">
        <FormProblem error={error} />
        <Button look="primary" size="lg" type="submit" className="w-full" busy={busy} disabled={!token}>
          {action}
        </Button>
      </form>
    </>
  )
}
