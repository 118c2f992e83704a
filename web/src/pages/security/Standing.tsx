// What keeps strangers out, and what doesn't yet. No score: a number would be an invention.
import { useQuery } from "@tanstack/react-query"
import * as all from "../../api/queries"
import type { Factors, User } from "../../api/types"
import { Skeleton } from "../../ui/States"
import { type Step, StepList } from "../StepList"
import * as queries from "./queries"

/** The list for how one person's account stands. */
export function standing(user: User, factors: Factors): Step[] {
  const twoSteps = factors.totp.enabled || factors.passkeys.length > 0
  const codes = twoSteps && factors.backupCodesLeft > 2
  return [
    {
      done: user.emailVerified,
      title: "Confirmed e-mail",
      text: user.emailVerified
        ? "Mails about your account reach you."
        : "Open the link that we’ve mailed you, so that warnings reach you.",
    },
    {
      done: twoSteps,
      title: "Second step",
      text: twoSteps
        ? "A stolen password alone opens nothing."
        : "Set up an authenticator app or a passkey: a stolen password alone opens nothing then.",
    },
    {
      done: factors.passkeys.length > 0,
      title: "Passkey",
      text:
        factors.passkeys.length > 0
          ? "It can’t be typed into a false page."
          : "Add one: it can’t be typed into a false page, and is quicker.",
    },
    {
      done: codes,
      title: "Backup codes",
      text: codes
        ? `${factors.backupCodesLeft} are left, for a day without your phone.`
        : twoSteps
          ? "Make new ones: few are left for a day without your phone."
          : "They come with your second step.",
    },
  ]
}

export function Standing() {
  const user = useQuery(all.user)
  const factors = useQuery(queries.factors)
  // Where it can't be told, the card below says so and offers another try.
  if (user.error || factors.error) return null
  const steps = user.data && factors.data ? standing(user.data, factors.data) : undefined
  const open = steps?.filter((s) => !s.done).length
  return (
    <section className="card mb-5 p-5 max-sm:p-4" aria-labelledby="standing-title">
      <h2 id="standing-title" className="text-base font-semibold">
        What keeps strangers out
      </h2>
      <p className="text-sm text-ink-3">
        {open === undefined ? (
          <Skeleton className="mt-1 h-3.5 w-40" />
        ) : open === 0 ? (
          "Everything there is, is on."
        ) : open === 1 ? (
          "One thing is left to do."
        ) : (
          `${open} things are left to do.`
        )}
      </p>
      {steps ? (
        <StepList steps={steps} />
      ) : (
        <div className="mt-4 grid gap-4 md:grid-cols-2 xl:grid-cols-4">
          {[1, 2, 3, 4].map((n) => (
            <Skeleton key={n} className="h-10" />
          ))}
        </div>
      )}
    </section>
  )
}
