// The strips above a page: demo, offline, texts to accept, e-mail not confirmed. What needs
// one account's attention stands on the pages themselves.
import { useMutation, useQuery } from "@tanstack/react-query"
import { clsx } from "clsx"
import { CloudOff, ExternalLink, FlaskConical, MailWarning } from "lucide-react"
import type { ReactNode } from "react"
import { api, ask } from "../api/client"
import * as queries from "../api/queries"
import { buttonClass } from "../ui/Button"
import { useSay } from "../ui/Toasts"
import { DeletionStrip } from "./DeletionStrip"
import { useOnline } from "./online"
import { SupportStrip } from "./SupportStrip"
import { TextsStrip } from "./TextsStrip"

export function Strips() {
  return (
    <section aria-label="Notices">
      <SupportStrip />
      <DemoStrip />
      <OfflineStrip />
      <DeletionStrip />
      <TextsStrip />
      <EmailStrip />
    </section>
  )
}

export function Strip({
  tone,
  icon,
  children,
  action,
}: {
  tone: "accent" | "warn" | "plain"
  icon: ReactNode
  children: ReactNode
  action?: ReactNode
}) {
  return (
    <div
      className={clsx(
        "flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2 text-sm md:px-8 [&>svg]:size-4 [&>svg]:shrink-0",
        tone === "accent" && "bg-accent-soft text-accent",
        tone === "warn" && "bg-warn-soft text-warn",
        tone === "plain" && "bg-sunken text-ink-2",
      )}
    >
      {icon}
      <p className="min-w-0 flex-1 max-sm:basis-4/5">{children}</p>
      {action}
    </div>
  )
}

function DemoStrip() {
  const { data } = useQuery(queries.appInfo)
  if (!data?.demo) return null
  const { inboxUrl, sandboxUrl } = data.demo
  return (
    <Strip
      tone="accent"
      icon={<FlaskConical aria-hidden="true" />}
      action={
        <span className="flex gap-4 font-medium">
          <Outside href={inboxUrl}>Mail inbox</Outside>
          <Outside href={sandboxUrl}>Simulate</Outside>
        </span>
      }
    >
      <strong className="font-semibold">Demo data</strong> · nothing leaves this machine
    </Strip>
  )
}

function Outside({ href, children }: { href: string; children: ReactNode }) {
  if (!href) return null
  return (
    <a
      href={href}
      target="_blank"
      rel="noopener noreferrer"
      className="inline-flex items-center gap-1 underline underline-offset-3"
    >
      {children}
      <ExternalLink className="size-3.5" aria-hidden="true" />
      <span className="sr-only">(opens a new tab)</span>
    </a>
  )
}

function OfflineStrip() {
  if (useOnline()) return null
  return (
    <Strip tone="plain" icon={<CloudOff aria-hidden="true" />}>
      You’re offline. These are the last figures we have; changes wait until you’re back.
    </Strip>
  )
}

function EmailStrip() {
  const { data: user } = useQuery(queries.user)
  const say = useSay()
  const resend = useMutation({
    mutationFn: (email: string) => ask(api.POST("/api/auth/resend-verification", { body: { email } })),
    onSuccess: (a) => say(a.message || "Sent. Please look in your inbox."),
    onError: (e) => say(e.message, { bad: true }),
  })
  if (!user || user.emailVerified) return null
  return (
    <Strip
      tone="warn"
      icon={<MailWarning aria-hidden="true" />}
      action={
        <button
          type="button"
          disabled={resend.isPending || resend.isSuccess}
          onClick={() => resend.mutate(user.email)}
          className={buttonClass("secondary", "sm")}
        >
          {resend.isSuccess ? "Sent" : "Send the mail again"}
        </button>
      }
    >
      Please confirm {user.email}: we’ve sent you a link.
    </Strip>
  )
}
