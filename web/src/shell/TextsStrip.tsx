import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { FileText } from "lucide-react"
import { currentLook } from "../api/looking"
import * as queries from "../api/queries"
import { buttonClass } from "../ui/Button"
import { Strip } from "./Strips"

/** Above every page, while a text that Flint can’t be used without waits to be accepted. */
export function TextsStrip() {
  const { data } = useQuery({ ...queries.notices, enabled: !currentLook() })
  const texts = data?.documents ?? []
  if (texts.length === 0) return null
  return (
    <Strip
      tone="plain"
      icon={<FileText aria-hidden="true" />}
      action={
        <Link to="/settings/privacy" hash="documents" className={buttonClass("secondary", "sm")}>
          Read and accept
        </Link>
      }
    >
      {texts.some((t) => t.changed) ? "These have changed" : "Please read and accept"}:{" "}
      {texts.map((t) => t.title).join(", ")}.
    </Strip>
  )
}
