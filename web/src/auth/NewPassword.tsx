import { lazy, Suspense, useState } from "react"
import { Input } from "../ui/Field"

const Strength = lazy(() => import("./Strength"))

/** A field for a password that somebody chooses, and how hard it is to guess for who knows `words`. */
export function NewPassword({
  label = "New password",
  name = "password",
  words,
  error,
  autoFocus,
}: {
  label?: string
  name?: string
  words?: string[]
  error?: string
  autoFocus?: boolean
}) {
  const [typed, setTyped] = useState("")
  return (
    <div>
      <Input
        label={label}
        name={name}
        type="password"
        autoComplete="new-password"
        required
        autoFocus={autoFocus}
        minLength={8}
        maxLength={256}
        value={typed}
        onChange={(e) => setTyped(e.target.value)}
        hint="A few words that only you would put together are best."
        error={error}
      />
      <Suspense fallback={<div className="mt-2 min-h-7" />}>
        <Strength password={typed} words={words} />
      </Suspense>
    </div>
  )
}
