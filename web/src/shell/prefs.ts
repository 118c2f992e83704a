// A person's preferences for this browser: theme, hidden figures, density, shortcuts.
// They live in localStorage, where public/theme.js reads them before the first paint.
import { useSyncExternalStore } from "react"

export type Theme = "system" | "light" | "dark"

export interface Prefs {
  theme: Theme
  privacy: boolean
  compact: boolean
  /** Single-letter shortcuts can be switched off (WCAG 2.1.4). */
  letters: boolean
}

const defaults: Prefs = { theme: "system", privacy: false, compact: false, letters: true }

function load(): Prefs {
  try {
    const theme = localStorage.getItem("flint.theme")
    return {
      theme: theme === "light" || theme === "dark" ? theme : "system",
      privacy: localStorage.getItem("flint.privacy") === "on",
      compact: localStorage.getItem("flint.density") === "compact",
      letters: localStorage.getItem("flint.letters") !== "off",
    }
  } catch {
    return defaults
  }
}

let current: Prefs | undefined
const listeners = new Set<() => void>()

function get(): Prefs {
  current ??= load()
  return current
}

/** Changes preferences, on the page and for the next visit. */
export function setPrefs(change: Partial<Prefs>): void {
  current = { ...get(), ...change }
  const { theme, privacy, compact, letters } = current
  const root = document.documentElement
  if (theme === "system") delete root.dataset.theme
  else root.dataset.theme = theme
  if (privacy) root.dataset.privacy = "on"
  else delete root.dataset.privacy
  if (compact) root.dataset.density = "compact"
  else delete root.dataset.density
  try {
    localStorage.setItem("flint.theme", theme)
    localStorage.setItem("flint.privacy", privacy ? "on" : "off")
    localStorage.setItem("flint.density", compact ? "compact" : "comfortable")
    localStorage.setItem("flint.letters", letters ? "on" : "off")
  } catch {
    // Storage is off: the choice holds until the page is left.
  }
  for (const l of listeners) l()
}

function subscribe(l: () => void): () => void {
  listeners.add(l)
  return () => listeners.delete(l)
}

export function usePrefs(): Prefs {
  return useSyncExternalStore(subscribe, get)
}

/** What a click on the theme switch leads to. */
export function nextTheme(theme: Theme): Theme {
  return theme === "system" ? "light" : theme === "light" ? "dark" : "system"
}

/** A remembered choice of one page, such as the dashboard's period. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`flint.${key}`, value)
  } catch {
    // Not remembered, then.
  }
}

export function recall(key: string): string | undefined {
  try {
    return localStorage.getItem(`flint.${key}`) ?? undefined
  } catch {
    return undefined
  }
}
