// Figures for people. Amounts stay decimal strings from the server to the screen:
// Intl.NumberFormat reads a string exactly, so nothing passes through a float.
import type { Money } from "../api/types"

type Exact = Intl.StringNumericLiteral

/** What stands where a figure isn't known. Never 0. */
export const unknown = "—"

const decimal = /^-?\d+(\.\d+)?$/

/** Whether text is a plain decimal number, as the API writes them. */
export function isDecimal(text: string): text is Exact {
  return decimal.test(text)
}

const formats = new Map<string, Intl.NumberFormat>()

function format(key: string, make: () => Intl.NumberFormat): Intl.NumberFormat {
  let f = formats.get(key)
  if (!f) {
    f = make()
    formats.set(key, f)
  }
  return f
}

function currencyFormat(currency: string, sign: boolean): Intl.NumberFormat {
  return format(`${currency}${sign}`, () => {
    const signDisplay = sign ? "exceptZero" : "negative"
    try {
      return new Intl.NumberFormat(undefined, {
        style: "currency",
        currency,
        signDisplay,
        currencyDisplay: "narrowSymbol",
      })
    } catch {
      // Not an ISO code (a crypto asset, say): the bare number, the code is added by the caller.
      return new Intl.NumberFormat(undefined, { maximumFractionDigits: 8, signDisplay })
    }
  })
}

const isoCode = /^[A-Z]{3}$/

/** "$1,234.50"; with `sign`, "+$1,234.50" for gains. Unknown is a dash. */
export function money(m: Money | null | undefined, options: { sign?: boolean } = {}): string {
  if (!m || !isDecimal(m.amount)) return unknown
  const text = currencyFormat(m.currency, options.sign ?? false).format(m.amount)
  return trueMinus(isoCode.test(m.currency) ? text : `${text} ${m.currency}`.trim())
}

/** An amount in two parts, so that a headline can show the cents smaller. */
export function moneyParts(m: Money): { whole: string; fraction: string } {
  if (!isDecimal(m.amount)) return { whole: unknown, fraction: "" }
  const parts = currencyFormat(m.currency, false).formatToParts(m.amount as unknown as number)
  const at = parts.findIndex((p) => p.type === "decimal")
  const join = (list: Intl.NumberFormatPart[]) => trueMinus(list.map((p) => p.value).join(""))
  if (at < 0) return { whole: join(parts), fraction: "" }
  return { whole: join(parts.slice(0, at)), fraction: join(parts.slice(at)) }
}

/** "$1.2M", for axes. Takes a number: only geometry uses it. */
export function compactMoney(value: number, currency: string): string {
  const f = format(`compact${currency}`, () => {
    try {
      return new Intl.NumberFormat(undefined, {
        style: "currency",
        currency,
        currencyDisplay: "narrowSymbol",
        notation: "compact",
        maximumFractionDigits: 1,
      })
    } catch {
      return new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 })
    }
  })
  return trueMinus(f.format(value))
}

/** "12.5" of an asset: up to eight places, no trailing zeros. */
export function quantity(text: string | null | undefined): string {
  if (!text || !isDecimal(text)) return unknown
  return trueMinus(
    format("quantity", () => new Intl.NumberFormat(undefined, { maximumFractionDigits: 8 })).format(text),
  )
}

/** "+1.23 %" from "1.23"; the server says percent, not a fraction. */
export function percent(
  value: string | number | null | undefined,
  options: { sign?: boolean; digits?: number } = {},
): string {
  if (value === null || value === undefined) return unknown
  const text = String(value)
  if (!isDecimal(text)) return unknown
  const digits = options.digits ?? 2
  const f = format(
    `percent${digits}${options.sign}`,
    () =>
      new Intl.NumberFormat(undefined, {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
        signDisplay: options.sign ? "exceptZero" : "negative",
      }),
  )
  return `${trueMinus(f.format(text))}%`
}

/** -1, 0 or 1, read from the text. */
export function signOf(amount: string): -1 | 0 | 1 {
  if (!isDecimal(amount) || /^-?0+(\.0+)?$/.test(amount)) return 0
  return amount.startsWith("-") ? -1 : 1
}

/** The same amount without its sign, for "you owe $120". */
export function absolute(m: Money): Money {
  return m.amount.startsWith("-") ? { ...m, amount: m.amount.slice(1) } : m
}

/** The number behind a decimal string, for geometry only: positions of points and widths of bars. */
export function geometry(amount: string): number {
  return Number(amount)
}

/** Typeset minus, as wide as a plus. */
function trueMinus(text: string): string {
  return text.replace("-", "\u2212")
}

/** a − b, exactly, on decimal strings. For the change between two points of a series the server sent. */
export function difference(a: string, b: string): string {
  const places = Math.max(fraction(a).length, fraction(b).length)
  const d = scaled(a, places) - scaled(b, places)
  const digits = (d < 0n ? -d : d).toString().padStart(places + 1, "0")
  const whole = digits.slice(0, digits.length - places)
  const text = places > 0 ? `${whole}.${digits.slice(-places)}` : whole
  return d < 0n ? `-${text}` : text
}

function fraction(text: string): string {
  return text.split(".")[1] ?? ""
}

function scaled(text: string, places: number): bigint {
  return BigInt(text.replace(".", "") + "0".repeat(places - fraction(text).length))
}
