// The frame around every signed-in page: navigation, strips that say what is wrong,
// shortcuts, and the region that reads news aloud.
import { useIsFetching, useQuery } from "@tanstack/react-query"
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router"
import { clsx } from "clsx"
import {
  ArrowLeftRight,
  CircleUserRound,
  Eye,
  EyeOff,
  FileUp,
  Fingerprint,
  Keyboard,
  LayoutDashboard,
  LogOut,
  Monitor,
  Moon,
  MoreHorizontal,
  Plug,
  Plus,
  Rows3,
  ShieldCheck,
  Sun,
  Users,
  Wallet,
} from "lucide-react"
import { type ComponentType, type ReactNode, useCallback, useEffect, useRef, useState } from "react"
import { currentLook } from "../api/looking"
import * as queries from "../api/queries"
import { buttonClass, IconButton } from "../ui/Button"
import { Menu, MenuItem, MenuLabel, MenuLine } from "../ui/Overlay"
import { Announcer } from "./Announcer"
import { command, isTyping, type Place } from "./keys"
import { nextTheme, setPrefs, type Theme, usePrefs } from "./prefs"
import { ShortcutSheet } from "./ShortcutSheet"
import { Strips } from "./Strips"
import { signOut } from "./session"

const places: {
  to: Place
  name: string
  short: string
  icon: ComponentType<{ className?: string }>
  key: string
}[] = [
  { to: "/", name: "Dashboard", short: "Home", icon: LayoutDashboard, key: "g d" },
  { to: "/accounts", name: "Accounts", short: "Accounts", icon: Wallet, key: "g a" },
  { to: "/transactions", name: "Transactions", short: "Activity", icon: ArrowLeftRight, key: "g t" },
  { to: "/connections", name: "Connections", short: "Connections", icon: Plug, key: "g c" },
  { to: "/import", name: "Import", short: "Import", icon: FileUp, key: "g i" },
]

/**
 * Whether links must load a new document: /connect alone may run a provider's script,
 * by the policy it was served with, so people leave it for a document with the strict one.
 */
function useLeavesConnect(): boolean {
  return useLocation({ select: (l) => l.pathname === "/connect" })
}

export function Shell() {
  const [help, setHelp] = useState(false)
  useShortcuts(useCallback(() => setHelp(true), []))
  useFocusOnNavigation()
  return (
    <div className="md:pl-16 lg:pl-58">
      <a
        href="#main"
        className={buttonClass(
          "primary",
          "md",
          "fixed top-2 left-2 z-50 -translate-y-20 focus:translate-y-0",
        )}
      >
        Skip to content
      </a>
      <Fetching />
      <Sidebar onHelp={() => setHelp(true)} />
      <div className="flex min-h-dvh flex-col pb-16 md:pb-0">
        <Strips />
        <PhoneBar onHelp={() => setHelp(true)} />
        <main
          id="main"
          tabIndex={-1}
          className="mx-auto w-full max-w-[1240px] flex-1 px-4 py-6 outline-none md:px-8 md:py-8"
        >
          <Outlet />
        </main>
      </div>
      <BottomBar />
      <Announcer />
      <ShortcutSheet open={help} onClose={() => setHelp(false)} />
    </div>
  )
}

/** A thin bar while figures that are already on the page are being fetched anew. */
function Fetching() {
  const busy = useIsFetching() > 0
  return (
    <div aria-hidden="true" className="pointer-events-none fixed inset-x-0 top-0 z-50 h-0.5 overflow-hidden">
      {busy && (
        <div className="late h-full">
          <div className="h-full w-1/3 animate-sweep bg-accent" />
        </div>
      )}
    </div>
  )
}

export function Wordmark({ compact }: { compact?: boolean }) {
  return (
    <span className="inline-flex items-center gap-2.5">
      <svg viewBox="0 0 32 32" className="size-8 shrink-0" aria-hidden="true">
        <rect width="32" height="32" rx="9" fill="var(--accent-fill)" />
        <path d="M10 24V8h12v4h-7.5v3.2H21V19h-6.5v5z" fill="#fff" />
        <circle cx="22.6" cy="23" r="1.9" fill="#ffd166" />
      </svg>
      <span className={clsx("text-lg font-semibold tracking-tight", compact && "max-lg:sr-only")}>Flint</span>
    </span>
  )
}

function Sidebar({ onHelp }: { onHelp: () => void }) {
  const leaves = useLeavesConnect()
  return (
    <aside className="fixed inset-y-0 left-0 z-30 hidden w-16 flex-col border-r border-line bg-card md:flex lg:w-58">
      <Link
        to="/"
        reloadDocument={leaves}
        className="m-3 mb-5 flex h-10 items-center rounded-md px-1"
        aria-label="Flint, to the dashboard"
      >
        <Wordmark compact />
      </Link>
      <nav aria-label="Main" className="flex flex-1 flex-col gap-0.5 px-3">
        {places.map(({ to, name, icon: Icon, key }) => (
          <Link
            key={to}
            to={to}
            reloadDocument={leaves}
            title={`${name} (${key})`}
            activeOptions={{ exact: to === "/" }}
            className="flex h-10 items-center gap-3 rounded-md px-2.5 font-medium text-ink-2 transition-colors hover:bg-sunken hover:text-ink data-[status=active]:bg-accent-soft data-[status=active]:text-accent"
          >
            <Icon className="size-[18px] shrink-0" />
            <span className="max-lg:sr-only">{name}</span>
          </Link>
        ))}
        <a
          href="/connect"
          title="Add an account"
          className={buttonClass("secondary", "md", "mt-4 max-lg:px-0")}
        >
          <Plus aria-hidden="true" />
          <span className="max-lg:sr-only">Add account</span>
        </a>
      </nav>
      <div className="flex items-center gap-0.5 border-t border-line p-3 max-lg:flex-col">
        <PrivacyButton />
        <ThemeButton />
        <IconButton name="Keyboard shortcuts (?)" onClick={onHelp}>
          <Keyboard />
        </IconButton>
        <span className="flex-1" />
        <PersonMenu>
          <IconButton name="Your account">
            <CircleUserRound />
          </IconButton>
        </PersonMenu>
      </div>
    </aside>
  )
}

const themes: Record<Theme, { icon: ReactNode; name: string }> = {
  system: { icon: <Monitor />, name: "Theme: as the system" },
  light: { icon: <Sun />, name: "Theme: light" },
  dark: { icon: <Moon />, name: "Theme: dark" },
}

function ThemeButton() {
  const { theme } = usePrefs()
  return (
    <IconButton name={`${themes[theme].name} (t)`} onClick={() => setPrefs({ theme: nextTheme(theme) })}>
      {themes[theme].icon}
    </IconButton>
  )
}

function PrivacyButton() {
  const { privacy } = usePrefs()
  return (
    <IconButton
      name={privacy ? "Show figures (.)" : "Hide figures (.)"}
      aria-pressed={privacy}
      onClick={() => setPrefs({ privacy: !privacy })}
    >
      {privacy ? <EyeOff /> : <Eye />}
    </IconButton>
  )
}

function PersonMenu({ children }: { children: ReactNode }) {
  const { data: user } = useQuery(queries.user)
  const { data: app } = useQuery(queries.appInfo)
  const { compact } = usePrefs()
  const leaves = useLeavesConnect()
  const navigate = useNavigate()
  const go = (to: "/settings/security" | "/settings/privacy" | "/admin") =>
    leaves ? location.assign(to) : void navigate({ to })
  return (
    <Menu trigger={children}>
      <MenuLabel>{user ? `${user.firstName || "Signed in"} · ${user.email}` : "Signed in"}</MenuLabel>
      <MenuItem icon={<ShieldCheck />} onSelect={() => go("/settings/security")}>
        Security
      </MenuItem>
      <MenuItem icon={<Fingerprint />} onSelect={() => go("/settings/privacy")}>
        Privacy
      </MenuItem>
      {user?.role === "admin" && !currentLook() && (
        <MenuItem icon={<Users />} onSelect={() => go("/admin")}>
          Administration
        </MenuItem>
      )}
      <MenuItem icon={<Rows3 />} onSelect={() => setPrefs({ compact: !compact })}>
        {compact ? "Comfortable rows" : "Compact rows"}
      </MenuItem>
      <MenuLine />
      <MenuItem icon={<LogOut />} onSelect={() => void signOut()}>
        Sign out
      </MenuItem>
      {app && <MenuLabel>{`${app.name} ${app.version}`}</MenuLabel>}
    </Menu>
  )
}

function PhoneBar({ onHelp }: { onHelp: () => void }) {
  const leaves = useLeavesConnect()
  return (
    <header className="flex items-center justify-between border-b border-line bg-card px-4 py-2 md:hidden">
      <Link to="/" reloadDocument={leaves} className="flex items-center" aria-label="Flint, to the dashboard">
        <Wordmark />
      </Link>
      <div className="flex items-center">
        <PrivacyButton />
        <ThemeButton />
        <span className="max-sm:hidden">
          <IconButton name="Keyboard shortcuts (?)" onClick={onHelp}>
            <Keyboard />
          </IconButton>
        </span>
        <PersonMenu>
          <IconButton name="Your account">
            <CircleUserRound />
          </IconButton>
        </PersonMenu>
      </div>
    </header>
  )
}

const barItem =
  "flex flex-1 flex-col items-center justify-center gap-1 rounded-md text-[11px] font-medium text-ink-2 data-[status=active]:text-accent [&_svg]:size-5"

function BottomBar() {
  const leaves = useLeavesConnect()
  const navigate = useNavigate()
  const go = (to: Place) => (leaves ? location.assign(to) : void navigate({ to }))
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-30 flex h-16 border-t border-line bg-card px-1 pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {places.slice(0, 3).map(({ to, short, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          reloadDocument={leaves}
          activeOptions={{ exact: to === "/" }}
          className={barItem}
        >
          <Icon />
          {short}
        </Link>
      ))}
      <a href="/connect" className={barItem}>
        <Plus aria-hidden="true" />
        Add
      </a>
      <Menu
        trigger={
          <button type="button" className={barItem}>
            <MoreHorizontal aria-hidden="true" />
            More
          </button>
        }
      >
        <MenuItem icon={<Plug />} onSelect={() => go("/connections")}>
          Connections
        </MenuItem>
        <MenuItem icon={<FileUp />} onSelect={() => go("/import")}>
          Import a file
        </MenuItem>
      </Menu>
    </nav>
  )
}

function useShortcuts(onHelp: () => void): void {
  const navigate = useNavigate()
  const { letters, privacy, theme } = usePrefs()
  const leaves = useLeavesConnect()
  const lastG = useRef(0)
  useEffect(() => {
    if (!letters) return
    const onKey = (e: KeyboardEvent) => {
      if (e.defaultPrevented || isTyping(e.target)) return
      const c = command(e, e.timeStamp - lastG.current < 1200 && lastG.current > 0)
      lastG.current = c?.do === "wait" ? e.timeStamp : 0
      if (!c || c.do === "wait") return
      e.preventDefault()
      if (c.do === "go") leaves ? location.assign(c.to) : void navigate({ to: c.to })
      if (c.do === "privacy") setPrefs({ privacy: !privacy })
      if (c.do === "theme") setPrefs({ theme: nextTheme(theme) })
      if (c.do === "help") onHelp()
      if (c.do === "search") {
        const box = document.querySelector<HTMLInputElement>("input[type=search]")
        if (box) box.focus()
        else if (leaves) location.assign("/transactions")
        else void navigate({ to: "/transactions" }).then(() => focusSearch())
      }
    }
    document.addEventListener("keydown", onKey)
    return () => document.removeEventListener("keydown", onKey)
  }, [letters, privacy, theme, leaves, navigate, onHelp])
}

function focusSearch(tries = 20): void {
  const box = document.querySelector<HTMLInputElement>("input[type=search]")
  if (box) box.focus()
  else if (tries > 0) requestAnimationFrame(() => focusSearch(tries - 1))
}

/** After a change of page, focus starts at the page's content, where a reader expects it. */
function useFocusOnNavigation(): void {
  const path = useLocation({ select: (l) => l.pathname })
  const first = useRef(true)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the path is what triggers it
  useEffect(() => {
    if (first.current) {
      first.current = false
      return
    }
    document.getElementById("main")?.focus({ preventScroll: true })
  }, [path])
}
