import { api, ask } from "../api/client"
import { safeReturn } from "../shell/session"
import { Button } from "../ui/Button"
import { Input } from "../ui/Field"
import { Heading } from "./Frame"
import { FormProblem } from "./Notice"
import { useSubmit } from "./useSubmit"

/** Where to go once signed in: back to the page that asked for it, if it is ours. */
export function destination(search: string): string {
  return safeReturn(new URLSearchParams(search).get("next"))
}

export function SignIn() {
  const { busy, error, answer, onSubmit } = useSubmit(async ({ email = "", password = "" }) => {
    const signedIn = await ask(api.POST("/api/auth/login", { body: { email: email.trim(), password } }))
    location.assign(destination(location.search))
    return signedIn
  })
  return (
    <>
      <Heading title="Welcome back">
        New here?{" "}
        <a href="/signup" className="prose-link">
          Create an account
        </a>
      </Heading>
      <form onSubmit={onSubmit} className="space-y-4">
        <FormProblem error={error} />
        <Input
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          required
          autoFocus
          error={error?.field("email")}
        />
        <Input
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          error={error?.field("password")}
        />
        <p className="-mt-2 text-right text-sm">
          <a href="/forgot" className="prose-link">
            Forgot your password?
          </a>
        </p>
        <Button look="primary" size="lg" type="submit" className="w-full" busy={busy || answer !== undefined}>
          Sign in
        </Button>
      </form>
    </>
  )
}
