import { clsx } from "clsx"
import { monogram } from "../format/words"

/** A stable hue from a name, so that an institution keeps its colour everywhere. */
export function hueOf(name: string): number {
  let h = 0
  for (const c of name) h = (h * 31 + (c.codePointAt(0) ?? 0)) % 360
  return h
}

/** An institution's or merchant's mark: two letters on its own tint. No logo is fetched from anywhere. */
export function Mark({ name, size = "md" }: { name: string; size?: "sm" | "md" | "lg" }) {
  const hue = hueOf(name)
  return (
    <span
      aria-hidden="true"
      className={clsx(
        "inline-flex shrink-0 items-center justify-center rounded-lg font-semibold",
        size === "sm" && "size-8 text-[11px]",
        size === "md" && "size-9 text-xs",
        size === "lg" && "size-12 rounded-xl text-base",
      )}
      style={{
        background: `light-dark(oklch(0.945 0.035 ${hue}), oklch(0.31 0.05 ${hue}))`,
        color: `light-dark(oklch(0.42 0.11 ${hue}), oklch(0.86 0.07 ${hue}))`,
      }}
    >
      {monogram(name)}
    </span>
  )
}
