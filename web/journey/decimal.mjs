// Exact sums of decimal strings, for comparing what two sides say to the cent.

const places = 12

/** A decimal string as a whole number of 10^-12. */
export function exact(text) {
  const m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(text))
  if (!m) throw new Error(`not a decimal: ${text}`)
  const [, sign, whole, fraction = ""] = m
  const n = BigInt(whole + fraction.slice(0, places).padEnd(places, "0"))
  return sign ? -n : n
}

/** Rounded to the cent, half away from zero, as "12.34". */
export function cents(n) {
  const unit = 10n ** BigInt(places - 2)
  const size = n < 0n ? -n : n
  const rounded = (size + unit / 2n) / unit
  const text = rounded.toString().padStart(3, "0")
  return `${n < 0n && rounded > 0n ? "-" : ""}${text.slice(0, -2)}.${text.slice(-2)}`
}

/** A figure as people read it, "−$1,234.50", as "-1234.50". */
export function read(text) {
  return text
    .trim()
    .replace(/[−–]/g, "-")
    .replace(/[^0-9.-]/g, "")
}
