import { clsx } from "clsx"
import { ChevronDown } from "lucide-react"
import type { InputHTMLAttributes, ReactNode, SelectHTMLAttributes, TextareaHTMLAttributes } from "react"
import { useId } from "react"

const box =
  "w-full rounded-md border border-line-strong bg-card px-3 text-base text-ink placeholder:text-ink-3 transition-colors hover:border-ink-3 focus:outline-2 focus:outline-offset-0 focus:outline-accent aria-invalid:border-down disabled:bg-sunken disabled:text-ink-3"

interface Shared {
  id?: string
  label: string
  hint?: ReactNode
  error?: string
  hideLabel?: boolean
  className?: string
}

/** What ties a control to its label and to the note below it. */
interface Tie {
  id: string
  "aria-invalid": true | undefined
  "aria-describedby": string | undefined
}

/** A control with its label above, and a hint or what is wrong below. */
function Frame({
  id: given,
  label,
  hint,
  error,
  hideLabel,
  className,
  children,
}: Shared & { children: (tie: Tie) => ReactNode }) {
  const own = useId()
  const id = given ?? own
  const note = `${id}-note`
  return (
    <div className={className}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : "mb-1.5 block text-sm font-medium"}>
        {label}
      </label>
      {children({
        id,
        "aria-invalid": error ? true : undefined,
        "aria-describedby": error || hint ? note : undefined,
      })}
      {(error || hint) && (
        <p id={note} className={clsx("mt-1.5 text-sm", error ? "text-down" : "text-ink-3")}>
          {error || hint}
        </p>
      )}
    </div>
  )
}

export function Input({
  id,
  label,
  hint,
  error,
  hideLabel,
  className,
  ...rest
}: Shared & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <Frame {...{ id, label, hint, error, hideLabel, className }}>
      {(tie) => <input {...rest} {...tie} className={clsx(box, "h-10")} />}
    </Frame>
  )
}

export function TextArea({
  id,
  label,
  hint,
  error,
  hideLabel,
  className,
  ...rest
}: Shared & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return (
    <Frame {...{ id, label, hint, error, hideLabel, className }}>
      {(tie) => <textarea {...rest} {...tie} className={clsx(box, "py-2")} />}
    </Frame>
  )
}

/** The browser's own select: Radix's injects styles that our content security policy refuses. */
export function Select({
  id,
  label,
  hint,
  error,
  hideLabel,
  className,
  small,
  children,
  ...rest
}: Shared & { small?: boolean } & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <Frame {...{ id, label, hint, error, hideLabel, className }}>
      {(tie) => (
        <span className="relative block">
          <select
            {...rest}
            {...tie}
            className={clsx(box, "appearance-none truncate pr-9", small ? "h-9" : "h-10")}
          >
            {children}
          </select>
          <ChevronDown
            className="pointer-events-none absolute top-1/2 right-3 size-4 -translate-y-1/2 text-ink-3"
            aria-hidden="true"
          />
        </span>
      )}
    </Frame>
  )
}
