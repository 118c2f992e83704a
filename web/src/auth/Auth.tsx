import { lazy, type ReactNode, Suspense } from "react"
import { Frame } from "./Frame"
import { LinkSignIn } from "./LinkSignIn"
import { SignIn } from "./SignIn"

// Signing in is what most people come for, and comes with the document. The rest follows.
const SignUp = lazy(() => import("./SignUp"))
const Verify = lazy(() => import("./Verify"))
const Reset = lazy(() => import("./Reset"))
const MailLink = lazy(() => import("./MailLink"))
const ConfirmEmail = lazy(() => import("./ConfirmEmail"))
const Mailed = lazy(() => import("./Mailed"))

/** Chooses the page; each is reached by a full load, so there is no router. */
export function Auth({ path }: { path: string }) {
  return (
    <Frame>
      <Suspense fallback={<p role="status" aria-busy="true" aria-label="Loading" />}>
        {page(path.replace(/\/+$/, ""))}
      </Suspense>
    </Frame>
  )
}

function page(at: string): ReactNode {
  switch (at) {
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
    case "/signin/link":
      return <LinkSignIn />
    default:
      return <SignIn />
  }
}
