import { useState } from "react"
import { api, ask } from "../api/client"
import type { Demand } from "../api/problem"
import { safeReturn } from "../shell/session"
import { Button } from "../ui/Button"
import { Input } from "../ui/Field"
import { Heading } from "./Frame"
import { FormProblem, Notice } from "./Notice"
import { useSubmit } from "./useSubmit"

/** Where to go once signed in: back to the page that asked for it, if it is ours. */
export function destination(search: string): string {
  return safeReturn(new URLSearchParams(search).get("next"))
}

/** The second step of signing in: a code of the authenticator app, or one from paper. */
export function SecondStep({ demand, onBack }: { demand: Demand; onBack: () => void }) {
  const [backup, setBackup] = useState(!demand.methods.includes("totp"))
  const { busy, error, answer, onSubmit, reset } = useSubmit(async ({ code = "" }) => {
    const given = backup ? { backupCode: code.trim() } : { code: code.replace(/\s/g, "") }
    const signedIn = await ask(
      api.POST("/api/auth/mfa/challenge", { body: { challenge: demand.challenge, ...given } }),
    )
    location.assign(destination(location.search))
    return signedIn
  })
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
      <Heading title="One more step">
        {backup
          ? "Type one of the backup codes that you kept. Each works once."
          : "Type the code that your authenticator app shows for Flint."}
      </Heading>
      <form key={String(backup)} onSubmit={onSubmit} className="space-y-4">
        {error?.code === "mfa_wrong" && backup ? (
          <Notice tone="bad">That code isn’t right, or it was used before.</Notice>
        ) : (
          <FormProblem error={error} />
        )}
        {backup ? (
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
        ) : (
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
          Sign in
        </Button>
      </form>
      <p className="mt-5 flex flex-wrap justify-between gap-x-4 gap-y-2 text-sm">
        {demand.methods.includes("totp") && demand.methods.includes("backup_code") && (
          <button
            type="button"
            className="prose-link"
            onClick={() => {
              reset()
              setBackup(!backup)
            }}
          >
            {backup ? "Use the app instead" : "Use a backup code"}
          </button>
        )}
        <button type="button" className="prose-link" onClick={onBack}>
          Start again
        </button>
      </p>
    </>
  )
}
