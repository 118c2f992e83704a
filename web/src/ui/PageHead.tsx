import { type ReactNode, useEffect } from "react"

/** A page's title, also the tab's, with what can be done on the right. */
export function PageHead({
  title,
  tab,
  lead,
  children,
}: {
  title: ReactNode
  tab?: string
  lead?: ReactNode
  children?: ReactNode
}) {
  const name = tab ?? (typeof title === "string" ? title : "")
  useEffect(() => {
    if (name) document.title = `${name} · Flint`
  }, [name])
  return (
    <header className="mb-6 flex flex-wrap items-start justify-between gap-x-4 gap-y-3">
      <div className="min-w-0">
        <h1 className="text-2xl font-semibold tracking-[-0.018em]">{title}</h1>
        {lead && <div className="mt-1 text-ink-2">{lead}</div>}
      </div>
      {children && <div className="flex flex-wrap items-center gap-2">{children}</div>}
    </header>
  )
}
