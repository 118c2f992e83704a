import { Modal } from "../ui/Overlay"
import { shortcuts } from "./keys"
import { setPrefs, usePrefs } from "./prefs"

export function ShortcutSheet({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { letters } = usePrefs()
  return (
    <Modal open={open} onClose={onClose} title="Keyboard">
      <dl className="grid grid-cols-[1fr_auto] items-center gap-y-2">
        {shortcuts.map((s) => (
          <div key={s.what} className="contents">
            <dt className="text-ink-2">{s.what}</dt>
            <dd className="flex justify-end gap-1">
              {s.keys.map((k) => (
                <kbd
                  key={k}
                  className="inline-flex h-6 min-w-6 items-center justify-center rounded-sm border border-line bg-sunken px-1.5 font-sans text-xs"
                >
                  {k}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <label className="mt-5 flex items-center gap-2.5 border-t border-line pt-4">
        <input
          type="checkbox"
          className="size-4 accent-[var(--accent-fill)]"
          checked={letters}
          onChange={(e) => setPrefs({ letters: e.target.checked })}
        />
        Single-key shortcuts
      </label>
    </Modal>
  )
}
