import { clsx } from "clsx"
import { ToggleGroup } from "radix-ui"

/** A choice of one among few, side by side. */
export function Segmented<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string
  value: T
  options: { value: T; text: string; title?: string }[]
  onChange: (value: T) => void
}) {
  return (
    <ToggleGroup.Root
      type="single"
      value={value}
      onValueChange={(v) => v && onChange(v as T)}
      aria-label={label}
      className="inline-flex rounded-md bg-sunken p-0.5"
    >
      {options.map((o) => (
        <ToggleGroup.Item
          key={o.value}
          value={o.value}
          title={o.title}
          className={clsx(
            "h-7 min-w-10 rounded-sm px-2.5 text-sm font-medium text-ink-2 transition-colors hover:text-ink",
            "data-[state=on]:bg-card data-[state=on]:text-ink data-[state=on]:ring-1 data-[state=on]:ring-line",
          )}
        >
          {o.text}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  )
}
