import { clsx } from "clsx"
import { ChevronDown } from "lucide-react"
import type { InputHTMLAttributes, ReactNode, SelectHTMLAttributes, TextareaHTMLAttributes } from "react"
import { useId } from "react"

const box =
  "w-full rounded-md border border-line-strong bg-card px-3 text-base text-ink placeholder:text-ink-3 transition-colors hover:border-ink-3 focus:outline-2 focus:outline-offset-0 focus:outline-accent aria-invalid:border-down disabled:bg-sunken disabled:text-ink-3"

interface Shared {
  label: string
  hint?: ReactNode
  error?: string
  hideLabel?: boolean
}

function Frame({
  id,
  label,
  hint,
  error,
  hideLabel,
  className,
  children,
}: Shared & { id: string; className?: string; children: ReactNode }) {
  return (
    <div className={className}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : "mb-1.5 block text-sm font-medium"}>
        {label}
      </label>
      {children}
      {error ? (
        <p id={`${id}-note`} className="mt-1.5 text-sm text-down">
          {error}
        </p>
      ) : (
        hint && (
          <p id={`${id}-note`} className="mt-1.5 text-sm text-ink-3">
            {hint}
          </p>
        )
      )}
    </div>
  )
}

export function Input({
  label,
  hint,
  error,
  hideLabel,
  className,
  ...rest
}: Shared & InputHTMLAttributes<HTMLInputElement>) {
  const own = useId()
  const id = rest.id ?? own
  return (
    <Frame {...{ id, label, hint, error, hideLabel, className }}>
      <input
        {...rest}
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? `${id}-note` : undefined}
        className={clsx(box, "h-10")}
      />
    </Frame>
  )
}

export function TextArea({
  label,
  hint,
  error,
  hideLabel,
  className,
  ...rest
}: Shared & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const own = useId()
  const id = rest.id ?? own
  return (
    <Frame {...{ id, label, hint, error, hideLabel, className }}>
      <textarea
        {...rest}
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? `${id}-note` : undefined}
        className={clsx(box, "py-2")}
      />
    </Frame>
  )
}

/** The browser's own select: Radix's injects styles that our content security policy refuses. */
export function Select({
  label,
  hint,
  error,
  hideLabel,
  className,
  small,
  children,
  ...rest
}: Shared & { small?: boolean } & SelectHTMLAttributes<HTMLSelectElement>) {
  const own = useId()
  const id = rest.id ?? own
  return (
    <Frame {...{ id, label, hint, error, hideLabel, className }}>
      <span className="relative block">
        <select
          {...rest}
          id={id}
          aria-invalid={error ? true : undefined}
          aria-describedby={error || hint ? `${id}-note` : undefined}
          className={clsx(box, "appearance-none truncate pr-9", small ? "h-9" : "h-10")}
        >
          {children}
        </select>
        <ChevronDown
          className="pointer-events-none absolute top-1/2 right-3 size-4 -translate-y-1/2 text-ink-3"
          aria-hidden="true"
        />
      </span>
    </Frame>
  )
}
