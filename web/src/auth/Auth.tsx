import { Forgot, Reset } from "./Forgot"
import { Frame } from "./Frame"
import { LinkSignIn } from "./LinkSignIn"
import { SignIn } from "./SignIn"
import { SignUp } from "./SignUp"
import { Verify } from "./Verify"

/** Chooses the page; each is reached by a full load, so there is no router. */
export function Auth({ path }: { path: string }) {
  const page = path.replace(/\/+$/, "")
  return (
    <Frame>
      {page === "/signup" ? (
        <SignUp />
      ) : page === "/verify" ? (
        <Verify />
      ) : page === "/forgot" ? (
        <Forgot />
      ) : page === "/reset" ? (
        <Reset />
      ) : page === "/signin/link" ? (
        <LinkSignIn />
      ) : (
        <SignIn />
      )}
    </Frame>
  )
}
