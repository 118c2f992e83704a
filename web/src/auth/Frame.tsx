import { type ReactNode, useEffect, useState } from "react"
import { api, ask } from "../api/client"
import type { AppInfo } from "../api/types"

/** What the server is; undefined until it has answered. A failure hides the demo's hints, nothing more. */
export function useApp(): AppInfo | undefined {
  const [app, setApp] = useState<AppInfo>()
  useEffect(() => {
    const stop = new AbortController()
    ask(api.GET("/api/app", { signal: stop.signal })).then(setApp, () => undefined)
    return () => stop.abort()
  }, [])
  return app
}

export function Brand() {
  return (
    <a href="/" className="inline-flex items-center gap-2.5" aria-label="Flint">
      <svg viewBox="0 0 32 32" className="size-8" aria-hidden="true">
        <rect width="32" height="32" rx="9" fill="var(--accent-fill)" />
        <path d="M10 24V8h12v4h-7.5v3.2H21V19h-6.5v5z" fill="#fff" />
        <circle cx="22.6" cy="23" r="1.9" fill="#ffd166" />
      </svg>
      <span className="text-lg font-semibold tracking-tight">Flint</span>
    </a>
  )
}

export function Frame({ children }: { children: ReactNode }) {
  const app = useApp()
  return (
    <div className="grid min-h-dvh lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
      <div className="flex flex-col px-6 py-8 sm:px-10">
        <header>
          <Brand />
        </header>
        <main className="mx-auto flex w-full max-w-sm flex-1 flex-col justify-center py-10">{children}</main>
        {app?.demo && (
          <footer className="mx-auto max-w-sm text-center text-sm text-ink-3">
            This is a demo: its mail arrives in{" "}
            <a href={app.demo.inboxUrl} target="_blank" rel="noopener noreferrer" className="prose-link">
              its own inbox
            </a>
            , and nothing leaves this machine.
          </footer>
        )}
      </div>
      <Aside />
    </div>
  )
}

/** A picture of the product, drawn, not photographed: it needs no request and no script. */
function Aside() {
  return (
    <aside
      aria-hidden="true"
      className="hidden overflow-hidden bg-accent-soft lg:flex lg:flex-col lg:justify-center lg:pl-16"
    >
      <p className="max-w-md text-2xl font-semibold tracking-[-0.018em] text-balance">
        Everything you own and owe, in one place.
      </p>
      <p className="mt-2 max-w-md text-lg text-ink-2">
        Banks, brokerages and crypto, up to date by themselves, and yours alone.
      </p>
      <div className="mt-10 w-[640px] rounded-xl border border-line bg-card p-6">
        <p className="text-sm text-ink-3">Net worth</p>
        <p className="text-hero font-semibold tracking-[-0.022em]">
          $482,190<span className="text-2xl text-ink-3">.44</span>
        </p>
        <svg viewBox="0 0 600 180" className="mt-4 w-full" aria-hidden="true">
          <defs>
            <linearGradient id="aside" x1="0" x2="0" y1="0" y2="1">
              <stop offset="0" stopColor="var(--accent)" stopOpacity=".22" />
              <stop offset="1" stopColor="var(--accent)" stopOpacity="0" />
            </linearGradient>
          </defs>
          <path
            d="M0 150C40 140 60 152 100 132S160 120 200 124 260 96 300 100 360 70 400 78 470 40 510 46 570 20 600 14V180H0Z"
            fill="url(#aside)"
          />
          <path
            d="M0 150C40 140 60 152 100 132S160 120 200 124 260 96 300 100 360 70 400 78 470 40 510 46 570 20 600 14"
            fill="none"
            stroke="var(--accent)"
            strokeWidth="2.5"
          />
        </svg>
      </div>
    </aside>
  )
}

/** A page's heading, also the tab's title. */
export function Heading({ title, children }: { title: string; children?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Flint`
  }, [title])
  return (
    <header className="mb-7">
      <h1 className="text-2xl font-semibold tracking-[-0.018em]">{title}</h1>
      {children && <div className="mt-1.5 text-ink-2">{children}</div>}
    </header>
  )
}
