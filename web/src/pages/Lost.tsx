import { type ErrorComponentProps, Link } from "@tanstack/react-router"
import { Compass } from "lucide-react"
import { buttonClass } from "../ui/Button"
import { Card } from "../ui/Card"
import { PageHead } from "../ui/PageHead"
import { Empty, Failed } from "../ui/States"

export function RouteMissing() {
  return (
    <>
      <PageHead title="Not found" />
      <Card>
        <Empty
          icon={<Compass />}
          title="There’s nothing at this address"
          action={
            <Link to="/" className={buttonClass("primary")}>
              To the dashboard
            </Link>
          }
        >
          The page may have moved, or the link is incomplete.
        </Empty>
      </Card>
    </>
  )
}

export function RouteBroken({ error }: ErrorComponentProps) {
  return (
    <Card>
      <Failed what="this page" error={error} retry={() => location.reload()} />
    </Card>
  )
}
