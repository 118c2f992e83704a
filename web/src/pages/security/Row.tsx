import { clsx } from "clsx"
import type { ReactNode } from "react"

/** One way of signing in: what it is, how it stands, what can be done. */
export function Row({
  icon,
  title,
  children,
  action,
  tall = false,
}: {
  icon: ReactNode
  title: ReactNode
  children: ReactNode
  action?: ReactNode
  /** Says much: the icon stands beside its first line. */
  tall?: boolean
}) {
  return (
    <li
      className={clsx(
        "flex flex-wrap gap-x-3 gap-y-2 border-t border-line px-5 py-3.5 first:border-t-0 max-sm:px-4",
        tall ? "items-start" : "items-center",
      )}
    >
      <span
        aria-hidden="true"
        className="inline-flex size-9 shrink-0 items-center justify-center rounded-lg bg-sunken text-ink-2 [&_svg]:size-[18px]"
      >
        {icon}
      </span>
      <div className="min-w-36 flex-1">
        <p className="flex flex-wrap items-center gap-x-2 font-medium break-words">{title}</p>
        <div className="text-sm break-words text-ink-3">{children}</div>
      </div>
      {action && <div className="flex flex-wrap gap-2">{action}</div>}
    </li>
  )
}
