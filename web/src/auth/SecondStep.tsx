import { lazy, useState } from "react"
import { api, ask } from "../api/client"
import { passkeysWork, showPasskey } from "../api/passkeys"
import type { Demand, Method } from "../api/problem"
import { Button } from "../ui/Button"
import { Input } from "../ui/Field"
import { destination } from "./destination"
import { Heading } from "./Frame"
import { FormProblem, Notice } from "./Notice"
import { asksMore, Onward } from "./Onward"
import { useSubmit } from "./useSubmit"

const ways: Partial<Record<Method, { lead: string; other: string }>> = {
  passkey: { lead: "Confirm with a passkey.", other: "Use a passkey" },
  totp: { lead: "Type the code that your authenticator app shows for Flint.", other: "Use the app" },
  backup_code: {
    lead: "Type one of the backup codes that you kept. Each works once.",
    other: "Use a backup code",
  },
}

const LostFactors = lazy(() => import("./LostFactors"))

/** The second step of signing in: a passkey, a code of the authenticator app, or one from paper. */
export default function SecondStep({ demand, onBack }: { demand: Demand; onBack: () => void }) {
  const methods = demand.methods.filter((m) => ways[m] && (m !== "passkey" || passkeysWork()))
  const [method, setMethod] = useState<Method>(methods[0] ?? "backup_code")
  const { busy, error, answer, onSubmit, reset } = useSubmit(async ({ code = "" }) => {
    const given =
      method === "passkey"
        ? { assertion: await showPasskey() }
        : method === "totp"
          ? { code: code.replace(/\s/g, "") }
          : { backupCode: code.trim() }
    const signedIn = await ask(
      api.POST("/api/auth/mfa/challenge", { body: { challenge: demand.challenge, ...given } }),
    )
    location.assign(destination(location.search))
    return signedIn
  })
  const [lost, setLost] = useState(false)
  if (lost) return <LostFactors challenge={demand.challenge} onBack={() => setLost(false)} />
  if (asksMore(error)) return <Onward refusal={error} onBack={onBack} />
  if (error?.kind === "gone") {
    return (
      <>
        <Heading title="That took too long">The second step is open for five minutes.</Heading>
        <Button look="primary" size="lg" className="w-full" onClick={onBack}>
          Sign in again
        </Button>
      </>
    )
  }
  return (
    <>
      <Heading title="One more step">{ways[method]?.lead}</Heading>
      <form key={method} onSubmit={onSubmit} className="space-y-4">
        {error?.code === "mfa_wrong" && method === "backup_code" ? (
          <Notice tone="bad">That code isn’t right, or it was used before.</Notice>
        ) : (
          <FormProblem error={error} />
        )}
        {method === "backup_code" && (
          <Input
            label="Backup code"
            name="code"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            required
            autoFocus
            maxLength={40}
          />
        )}
        {method === "totp" && (
          <Input
            label="Six-digit code"
            name="code"
            autoComplete="one-time-code"
            inputMode="numeric"
            pattern="[0-9 ]{6,7}"
            title="Six digits"
            required
            autoFocus
            maxLength={7}
          />
        )}
        <Button look="primary" size="lg" type="submit" className="w-full" busy={busy || answer !== undefined}>
          {method === "passkey" ? "Use a passkey" : "Sign in"}
        </Button>
      </form>
      <p className="mt-5 flex flex-wrap justify-between gap-x-4 gap-y-2 text-sm">
        {methods
          .filter((m) => m !== method)
          .map((m) => (
            <button
              key={m}
              type="button"
              className="prose-link"
              onClick={() => {
                reset()
                setMethod(m)
              }}
            >
              {ways[m]?.other}
            </button>
          ))}
        <button type="button" className="prose-link" onClick={onBack}>
          Start again
        </button>
        <button type="button" className="prose-link" onClick={() => setLost(true)}>
          None of them works
        </button>
      </p>
    </>
  )
}
