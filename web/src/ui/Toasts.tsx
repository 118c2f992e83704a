import { X } from "lucide-react"
import { Toast } from "radix-ui"
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react"
import { buttonClass, IconButton } from "./Button"

interface Message {
  id: number
  text: string
  undo?: () => void
  bad?: boolean
}

type Say = (text: string, options?: { undo?: () => void; bad?: boolean }) => void

const Context = createContext<Say>(() => undefined)

/** Says something in passing, at the foot of the page; `undo` adds the way back, for eight seconds. */
export function useSay(): Say {
  return useContext(Context)
}

export function Toasts({ children }: { children: ReactNode }) {
  const [messages, setMessages] = useState<Message[]>([])
  const say = useCallback<Say>((text, options) => {
    setMessages((list) => [...list.slice(-2), { id: (list.at(-1)?.id ?? 0) + 1, text, ...options }])
  }, [])
  const gone = useCallback((id: number) => setMessages((list) => list.filter((m) => m.id !== id)), [])
  const value = useMemo(() => say, [say])
  return (
    <Context.Provider value={value}>
      <Toast.Provider duration={8000} swipeDirection="down" label="Notice">
        {children}
        {messages.map((m) => (
          <Toast.Root
            key={m.id}
            duration={m.undo ? 8000 : m.bad ? 10_000 : 4000}
            type={m.bad ? "foreground" : "background"}
            onOpenChange={(open) => !open && gone(m.id)}
            className="flex animate-rise items-center gap-3 rounded-lg border border-line bg-raised py-2 pr-2 pl-4 shadow-overlay"
          >
            <Toast.Description className="flex-1">{m.text}</Toast.Description>
            {m.undo && (
              <Toast.Action altText="Undo" asChild onClick={m.undo}>
                <button type="button" className={buttonClass("secondary", "sm")}>
                  Undo
                </button>
              </Toast.Action>
            )}
            <Toast.Close asChild>
              <IconButton name="Dismiss">
                <X />
              </IconButton>
            </Toast.Close>
          </Toast.Root>
        ))}
        <Toast.Viewport className="fixed right-4 bottom-20 left-4 z-50 ml-auto flex max-w-[420px] list-none flex-col gap-2 outline-none md:bottom-4" />
      </Toast.Provider>
    </Context.Provider>
  )
}
