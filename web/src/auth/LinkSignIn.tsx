import { useEffect, useRef, useState } from "react"
import { api, ask } from "../api/client"
import { type ApiError, asApiError } from "../api/problem"
import { buttonClass, Spinner } from "../ui/Button"
import { Heading } from "./Frame"
import { fragment } from "./fragment"
import { asksMore, Onward } from "./Onward"

/** Signs in with a one-time link, as the demo prints it. */
export function LinkSignIn() {
  const [error, setError] = useState<ApiError>()
  const sent = useRef(false)
  useEffect(() => {
    if (sent.current) return
    sent.current = true
    ask(api.POST("/api/auth/link", { body: { token: fragment() } })).then(
      () => location.replace("/"),
      (e) => setError(asApiError(e)),
    )
  }, [])
  if (!error) {
    return (
      <div role="status" className="text-ink-2">
        <Heading title="Signing you in" />
        <Spinner />
      </div>
    )
  }
  if (asksMore(error)) return <Onward refusal={error} onBack={() => location.assign("/signin")} />
  return (
    <>
      <Heading title="This link didn’t work">
        {error.message} Such links work once, and for a short time.
      </Heading>
      <a href="/signin" className={buttonClass("primary", "lg", "w-full")}>
        Sign in with your password
      </a>
    </>
  )
}
