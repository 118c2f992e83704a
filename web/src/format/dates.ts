// Dates and times in words. A `day` (YYYY-MM-DD) is a calendar date and never moves with
// a time zone; a `time` is an instant.

const day = /^(\d{4})-(\d{2})-(\d{2})$/

/** The calendar date as a Date at UTC midnight, to be formatted in UTC only. */
export function dayToDate(text: string): Date {
  const m = day.exec(text)
  return m ? new Date(Date.UTC(Number(m[1]), Number(m[2]) - 1, Number(m[3]))) : new Date(Number.NaN)
}

/** Today's calendar date where the reader is. */
export function today(now = new Date()): string {
  const two = (n: number) => String(n).padStart(2, "0")
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`
}

export function addDays(text: string, days: number): string {
  const d = dayToDate(text)
  d.setUTCDate(d.getUTCDate() + days)
  return d.toISOString().slice(0, 10)
}

export function startOfMonth(text: string): string {
  return `${text.slice(0, 8)}01`
}

const long = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
  timeZone: "UTC",
})
const longYear = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  day: "numeric",
  month: "long",
  year: "numeric",
  timeZone: "UTC",
})
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" })
const shortYear = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
})

/** "Today", "Yesterday", "Monday, 12 May", "Mon, 12 May 2024": a heading over a day's rows. */
export function dayHeading(text: string, now = today()): string {
  if (text === now) return "Today"
  if (text === addDays(now, -1)) return "Yesterday"
  const d = dayToDate(text)
  if (Number.isNaN(d.getTime())) return text
  return (text.slice(0, 4) === now.slice(0, 4) ? long : longYear).format(d)
}

/** "12 May", with the year where it isn't this one. */
export function shortDay(text: string, now = today()): string {
  const d = dayToDate(text)
  if (Number.isNaN(d.getTime())) return text
  return (text.slice(0, 4) === now.slice(0, 4) ? short : shortYear).format(d)
}

/** "12 May 2026" */
export function fullDay(text: string): string {
  const d = dayToDate(text)
  return Number.isNaN(d.getTime()) ? text : shortYear.format(d)
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" })

/** "just now", "4 minutes ago", "yesterday", "on 12 May". */
export function ago(time: string | null | undefined, now = new Date()): string {
  if (!time) return "never"
  const then = new Date(time)
  if (Number.isNaN(then.getTime())) return "never"
  const seconds = Math.round((then.getTime() - now.getTime()) / 1000)
  const size = Math.abs(seconds)
  if (size < 45) return "just now"
  if (size < 3600) return relative.format(Math.round(seconds / 60), "minute")
  if (size < 86_400) return relative.format(Math.round(seconds / 3600), "hour")
  if (size < 7 * 86_400) return relative.format(Math.round(seconds / 86_400), "day")
  return `on ${shortDay(today(then), today(now))}`
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" })
const moment = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
})

/** "around 18:00" today, else "12 May, 18:00". */
export function when(time: string | null | undefined, now = new Date()): string {
  if (!time) return ""
  const then = new Date(time)
  return today(then) === today(now) ? clock.format(then) : moment.format(then)
}

/** "3 s", "2 min": how long something took. */
export function lasted(from: string, to: string | null): string {
  if (!to) return ""
  const ms = new Date(to).getTime() - new Date(from).getTime()
  if (!Number.isFinite(ms) || ms < 0) return ""
  if (ms < 1000) return "under a second"
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  return `${Math.round(ms / 60_000)} min`
}
