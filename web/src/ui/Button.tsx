import { clsx } from "clsx"
import type { ButtonHTMLAttributes, ReactNode } from "react"
import { currentLook } from "../api/looking"
import { useOnline } from "../shell/online"

type Look = "primary" | "secondary" | "quiet" | "danger"
type Size = "sm" | "md" | "lg"

const looks: Record<Look, string> = {
  primary: "bg-accent-fill text-on-accent hover:bg-accent-hover disabled:bg-sunken disabled:text-ink-3",
  secondary:
    "bg-card text-ink border border-line-strong hover:bg-sunken disabled:text-ink-3 disabled:border-line",
  quiet: "text-ink-2 hover:bg-sunken hover:text-ink disabled:text-ink-3",
  danger:
    "bg-card text-down border border-line-strong hover:bg-down-soft hover:border-down disabled:text-ink-3",
}

const sizes: Record<Size, string> = {
  sm: "h-8 px-3 text-sm gap-1.5",
  md: "h-9 px-3.5 text-base gap-2",
  lg: "h-11 px-5 text-lg gap-2",
}

/** The classes of a button, for links that look like one. */
export function buttonClass(look: Look = "secondary", size: Size = "md", extra?: string): string {
  return clsx(
    "inline-flex shrink-0 select-none items-center justify-center rounded-md font-medium whitespace-nowrap transition-colors duration-100",
    "disabled:cursor-not-allowed [&_svg]:size-4 [&_svg]:shrink-0",
    looks[look],
    sizes[size],
    extra,
  )
}

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look
  size?: Size
  /** Shows that the click is being worked on; the label stays so that nothing jumps. */
  busy?: boolean
  /** A write can't be done offline, nor by support: the button is off then and says why. */
  writes?: boolean
  icon?: ReactNode
}

export function Button({ look, size, busy, writes, icon, className, children, disabled, ...rest }: Props) {
  const online = useOnline()
  const looking = writes && currentLook() !== undefined
  const cut = writes && (!online || looking)
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy || cut}
      aria-busy={busy || undefined}
      title={
        looking
          ? "You’re looking at somebody’s account, and can change nothing."
          : cut
            ? "You’re offline. This works again when you’re back."
            : rest.title
      }
      className={buttonClass(look, size, className)}
    >
      {busy ? <Spinner /> : icon}
      {children}
    </button>
  )
}

/** An icon alone, with its name for everyone who can't see it. */
export function IconButton({
  name,
  children,
  className,
  ...rest
}: { name: string } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button
      type="button"
      aria-label={name}
      title={name}
      {...rest}
      className={clsx(
        "inline-flex size-9 shrink-0 items-center justify-center rounded-md text-ink-2 transition-colors duration-100 hover:bg-sunken hover:text-ink [&_svg]:size-[18px]",
        className,
      )}
    >
      {children}
    </button>
  )
}

export function Spinner() {
  return (
    <svg viewBox="0 0 16 16" className="size-4 animate-spin" aria-hidden="true">
      <circle cx="8" cy="8" r="6.5" fill="none" stroke="currentColor" strokeOpacity=".25" strokeWidth="2" />
      <path
        d="M14.5 8A6.5 6.5 0 0 0 8 1.5"
        fill="none"
        stroke="currentColor"
        strokeWidth="2"
        strokeLinecap="round"
      />
    </svg>
  )
}
