import { type ErrorComponentProps, Link } from "@tanstack/react-router"
import { Compass } from "lucide-react"
import { buttonClass } from "../ui/Button"
import { Empty, Failed } from "../ui/States"

export function RouteMissing() {
  return (
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
  )
}

export function RouteBroken({ error }: ErrorComponentProps) {
  return <Failed what="this page" error={error} retry={() => location.reload()} />
}
