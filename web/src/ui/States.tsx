// Loading, empty and broken: the three states that every card shares.
import { clsx } from "clsx"
import { RotateCw } from "lucide-react"
import type { ReactNode } from "react"
import { asApiError } from "../api/problem"
import { Button } from "./Button"

export function Skeleton({ className }: { className?: string }) {
  return <span aria-hidden="true" className={clsx("skeleton block", className)} />
}

/** Says "loading" once for screen readers, around skeletons that they don't see. */
export function Loading({ what, children }: { what: string; children: ReactNode }) {
  return (
    <div role="status" aria-busy="true">
      <span className="sr-only">Loading {what}…</span>
      {children}
    </div>
  )
}

/** Rows of a list to come, with the height of real ones. */
export function RowSkeletons({ rows, what }: { rows: number; what: string }) {
  return (
    <Loading what={what}>
      {Array.from({ length: rows }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all alike
        <div key={i} className="row-y flex items-center gap-3 px-5 max-sm:px-4">
          <Skeleton className="size-9 rounded-lg" />
          <div className="flex-1 space-y-2">
            <Skeleton className="h-3 w-2/5" />
            <Skeleton className="h-2.5 w-1/4" />
          </div>
          <Skeleton className="h-3 w-20" />
        </div>
      ))}
    </Loading>
  )
}

/** Nothing here yet: one sentence, one way on. */
export function Empty({
  icon,
  title,
  children,
  action,
}: {
  icon?: ReactNode
  title: string
  children?: ReactNode
  action?: ReactNode
}) {
  return (
    <div className="flex flex-col items-center px-6 py-12 text-center">
      {icon && (
        <span className="mb-4 inline-flex size-12 items-center justify-center rounded-xl bg-accent-soft text-accent [&_svg]:size-6">
          {icon}
        </span>
      )}
      <p className="text-lg font-semibold">{title}</p>
      {children && <div className="mt-1 max-w-96 text-ink-2">{children}</div>}
      {action && <div className="mt-5 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  )
}

/** Something failed: what, why in a sentence, the request's id, and a way to try again. */
export function Failed({ what, error, retry }: { what: string; error: unknown; retry?: () => void }) {
  const e = asApiError(error)
  return (
    <div role="alert" className="flex flex-col items-center px-6 py-10 text-center">
      <p className="font-semibold">We couldn’t load {what}.</p>
      <p className="mt-1 max-w-96 text-ink-2">{e.message}</p>
      {e.requestId && (
        <p className="mt-2 text-xs text-ink-3">
          If you write to us, mention <code className="font-mono select-all">{e.requestId}</code>
        </p>
      )}
      {retry && e.kind !== "gone" && (
        <Button className="mt-4" size="sm" icon={<RotateCw />} onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  )
}
