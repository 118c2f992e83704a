import { clsx } from "clsx"
import type { ReactNode } from "react"

interface Props {
  title?: ReactNode
  /** What stands on the right of the title: a link, a picker. */
  aside?: ReactNode
  className?: string
  flush?: boolean
  children: ReactNode
  id?: string
}

/** A bordered sheet with an optional heading. `flush` lets rows run from edge to edge. */
export function Card({ title, aside, className, flush, children, id }: Props) {
  return (
    <section
      className={clsx("card min-w-0", className)}
      aria-labelledby={title && id ? `${id}-title` : undefined}
    >
      {(title || aside) && (
        <header className="flex min-h-8 items-center justify-between gap-3 px-5 pt-4 max-sm:px-4">
          {title && (
            <h2 id={id ? `${id}-title` : undefined} className="text-base font-semibold">
              {title}
            </h2>
          )}
          {aside}
        </header>
      )}
      <div
        className={clsx(
          flush ? "pt-2 pb-1" : "px-5 pb-5 max-sm:px-4 max-sm:pb-4",
          !flush && (title ? "pt-3" : "pt-5"),
        )}
      >
        {children}
      </div>
    </section>
  )
}
