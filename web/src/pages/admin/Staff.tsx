// The frame of the pages for staff: for others there is nothing here, and the server says so too.
import { useQuery } from "@tanstack/react-query"
import { Link, useLocation } from "@tanstack/react-router"
import { clsx } from "clsx"
import { KeyRound } from "lucide-react"
import type { ReactNode } from "react"
import { asApiError } from "../../api/problem"
import * as queries from "../../api/queries"
import { buttonClass } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { PageHead } from "../../ui/PageHead"
import { Empty, Failed, RowSkeletons } from "../../ui/States"
import { RouteMissing } from "../Lost"
import { StepUp } from "../security/StepUp"

const places = [
  { to: "/admin", name: "People", at: /^\/admin(\/people\/.*)?$/ },
  { to: "/admin/screening", name: "Screening", at: /^\/admin\/screening/ },
  { to: "/admin/support", name: "Look with a code", at: /^\/admin\/support/ },
] as const

/** A page for staff. Without a title the page says its own. */
export function Staff({ title, lead, children }: { title?: string; lead?: ReactNode; children: ReactNode }) {
  const here = useLocation({ select: (l) => l.pathname })
  const { data: user, error, refetch } = useQuery(queries.user)
  if (error && !user) {
    return (
      <Card>
        <Failed what="who you are" error={error} retry={() => void refetch()} />
      </Card>
    )
  }
  if (!user) {
    return (
      <Card>
        <RowSkeletons rows={2} what="who you are" />
      </Card>
    )
  }
  if (user.role !== "admin") return <RouteMissing />
  return (
    <StepUp>
      <nav aria-label="Administration" className="mb-6 flex gap-1 overflow-x-auto border-b border-line">
        {places.map(({ to, name, at }) => (
          <Link
            key={to}
            to={to}
            activeOptions={{ exact: true }}
            className={clsx(
              "-mb-px border-b-2 px-3 py-2 font-medium whitespace-nowrap",
              at.test(here) ? "border-accent text-accent" : "border-transparent text-ink-2 hover:text-ink",
            )}
          >
            {name}
          </Link>
        ))}
      </nav>
      {title && <PageHead title={title} lead={lead} />}
      {children}
    </StepUp>
  )
}

/** What failed of what staff read. Without a second step of one's own there is nothing to read. */
export function NotRead({ what, error, retry }: { what: string; error: unknown; retry: () => void }) {
  if (asApiError(error).code !== "second_factor_required")
    return <Failed what={what} error={error} retry={retry} />
  return (
    <Empty
      icon={<KeyRound />}
      title="Set up a second step first"
      action={
        <Link to="/settings/security" className={buttonClass("primary")}>
          To my security settings
        </Link>
      }
    >
      Other people’s accounts are shown to staff with an authenticator app or a passkey alone.
    </Empty>
  )
}
