import type { ReactNode } from "react"
import { ConfirmEmail, UndoEmail } from "./EmailChange"
import { Frame } from "./Frame"
import { LinkSignIn } from "./LinkSignIn"
import { MailLink } from "./MailLink"
import { Reset } from "./Reset"
import { SignIn } from "./SignIn"
import { SignUp } from "./SignUp"
import { Verify } from "./Verify"

/** Chooses the page; each is reached by a full load, so there is no router. */
export function Auth({ path }: { path: string }) {
  return <Frame>{page(path.replace(/\/+$/, ""))}</Frame>
}

function page(path: string): ReactNode {
  switch (path) {
    case "/signup":
      return <SignUp />
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
      return <UndoEmail />
    case "/signin/mail":
      return (
        <MailLink path="/api/auth/magic-link" title="Sign in by mail">
          We’ll send you a link that signs you in. It works once, for 15 minutes.
        </MailLink>
      )
    case "/signin/link":
      return <LinkSignIn />
    default:
      return <SignIn />
  }
}
