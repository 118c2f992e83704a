import { lazy, type ReactNode, Suspense } from "react"
import { Frame } from "./Frame"
import { LinkSignIn } from "./LinkSignIn"
import { SignIn } from "./SignIn"

// Signing in is what most people come for, and comes with the document. The rest follows.
const SignUp = lazy(() => import("./SignUp"))
const Legal = lazy(() => import("./Legal"))
const Rest = lazy(() => import("./Rest"))

/** Chooses the page; each is reached by a full load, so there is no router. */
export function Auth({ path }: { path: string }) {
  const at = path.replace(/\/+$/, "")
  const text = at.split("/legal/")[1]
  const page = (
    <Suspense fallback={<p role="status" aria-busy="true" aria-label="Loading" />}>
      {text ? <Legal name={text} /> : pageAt(at)}
    </Suspense>
  )
  return text ? page : <Frame>{page}</Frame>
}

function pageAt(at: string): ReactNode {
  switch (at) {
    case "/signup":
      return <SignUp />
    case "/signin/link":
      return <LinkSignIn />
    case "/signin":
      return <SignIn />
    default:
      return <Rest at={at} otherwise={<SignIn />} />
  }
}
