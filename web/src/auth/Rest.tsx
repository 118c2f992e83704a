import type { ReactNode } from "react"
import ConfirmEmail from "./ConfirmEmail"
import Mailed from "./Mailed"
import MailLink from "./MailLink"
import Reset from "./Reset"
import Verify from "./Verify"

/** The pages that people come to by a mail, or for want of a password: rare, and so kept apart. */
export default function Rest({ at, otherwise }: { at: string; otherwise: ReactNode }): ReactNode {
  switch (at) {
    case "/verify":
      return <Verify />
    case "/forgot":
      return (
        <MailLink path="/api/auth/request-reset" title="Choose another password">
          We’ll send you a link.
        </MailLink>
      )
    case "/reset":
      return (
        <Reset path="/api/auth/reset-password" title="Choose a new password" action="Change my password">
          You’ll be signed out everywhere else.
        </Reset>
      )
    case "/setup-password":
      return (
        <Reset path="/api/auth/setup-password" title="Choose a password" action="Set my password">
          Your account is ready. This is what you’ll sign in with.
        </Reset>
      )
    case "/verify-email-change":
      return <ConfirmEmail />
    case "/undo-email-change":
    case "/undo-deletion":
    case "/stop-recovery":
    case "/finish-recovery":
      return <Mailed page={at} />
    case "/signin/mail":
      return (
        <MailLink path="/api/auth/magic-link" title="Sign in by mail">
          We’ll send you a link that signs you in. It works once, for 15 minutes.
        </MailLink>
      )
    default:
      return otherwise
  }
}
