import type { Check } from "./guard"

/** The hidden part of a guarded form, and what shows while a proof is made. */
export function Checkpoint({ check }: { check: Check }) {
  return (
    <>
      <div aria-hidden="true" className="sr-only">
        <label>
          Leave this empty
          <input
            type="text"
            name="website"
            tabIndex={-1}
            autoComplete="off"
            data-1p-ignore=""
            data-bwignore=""
            data-lpignore="true"
            data-form-type="other"
          />
        </label>
      </div>
      <div ref={check.place} className="empty:hidden" />
      <p role="status" className="text-center text-sm text-ink-2 empty:hidden">
        {check.share !== undefined && `Checking your browser… ${Math.round(check.share * 100)} %`}
      </p>
    </>
  )
}
