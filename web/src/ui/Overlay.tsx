// Drawer, dialog and menu: thin dress over Radix, which minds focus, Esc and screen readers.
import { clsx } from "clsx"
import { X } from "lucide-react"
import { AlertDialog, Dialog, DropdownMenu } from "radix-ui"
import type { ReactNode } from "react"
import { Button, IconButton } from "./Button"

const scrim = "fixed inset-0 z-40 animate-fade bg-[var(--scrim)]"

interface Overlay {
  open: boolean
  onClose: () => void
  title: string
  children: ReactNode
}

/** A panel at the right, 480 px; the whole screen on a phone. */
export function Drawer({ open, onClose, title, children, footer }: Overlay & { footer?: ReactNode }) {
  return (
    <Dialog.Root open={open} onOpenChange={(o) => !o && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className={scrim} />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed inset-y-0 right-0 z-40 flex w-full max-w-[480px] animate-slide-in flex-col border-l border-line bg-raised shadow-overlay focus:outline-none"
        >
          <header className="flex items-center justify-between gap-3 border-b border-line py-3 pr-3 pl-5">
            <Dialog.Title className="truncate text-lg font-semibold">{title}</Dialog.Title>
            <Dialog.Close asChild>
              <IconButton name="Close">
                <X />
              </IconButton>
            </Dialog.Close>
          </header>
          <div className="flex-1 overflow-y-auto overscroll-contain p-5">{children}</div>
          {footer && <footer className="flex items-center gap-2 border-t border-line p-4">{footer}</footer>}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

/** A small window in the middle. */
export function Modal({ open, onClose, title, children, wide }: Overlay & { wide?: boolean }) {
  return (
    <Dialog.Root open={open} onOpenChange={(o) => !o && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className={scrim} />
        <Dialog.Content
          aria-describedby={undefined}
          className={clsx(
            "fixed top-1/2 left-1/2 z-40 max-h-[calc(100dvh-2rem)] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 animate-fade overflow-y-auto rounded-xl border border-line bg-raised p-6 shadow-overlay focus:outline-none",
            wide ? "max-w-2xl" : "max-w-md",
          )}
        >
          <div className="mb-4 flex items-start justify-between gap-4">
            <Dialog.Title className="text-lg font-semibold">{title}</Dialog.Title>
            <Dialog.Close asChild>
              <IconButton name="Close" className="-mt-1.5 -mr-2">
                <X />
              </IconButton>
            </Dialog.Close>
          </div>
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

/** Asks before something that can't be undone. The choices are words, not "OK". */
export function Confirm({ open, onClose, title, children, actions }: Overlay & { actions: ReactNode }) {
  return (
    <AlertDialog.Root open={open} onOpenChange={(o) => !o && onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className={scrim} />
        <AlertDialog.Content className="fixed top-1/2 left-1/2 z-40 w-[calc(100vw-2rem)] max-w-md -translate-x-1/2 -translate-y-1/2 animate-fade rounded-xl border border-line bg-raised p-6 shadow-overlay focus:outline-none">
          <AlertDialog.Title className="text-lg font-semibold">{title}</AlertDialog.Title>
          <AlertDialog.Description asChild>
            <div className="mt-2 text-ink-2">{children}</div>
          </AlertDialog.Description>
          <div className="mt-6 flex flex-wrap justify-end gap-2">
            <AlertDialog.Cancel asChild>
              <Button look="quiet">Cancel</Button>
            </AlertDialog.Cancel>
            {actions}
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}

/** A menu under a button. */
export function Menu({
  trigger,
  children,
  align = "end",
}: {
  trigger: ReactNode
  children: ReactNode
  align?: "start" | "end"
}) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align={align}
          sideOffset={6}
          collisionPadding={12}
          className="z-50 min-w-52 animate-fade rounded-lg border border-line bg-raised p-1 shadow-overlay"
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  )
}

export function MenuItem({
  icon,
  danger,
  children,
  onSelect,
  asChild,
}: {
  icon?: ReactNode
  danger?: boolean
  children: ReactNode
  onSelect?: () => void
  asChild?: boolean
}) {
  return (
    <DropdownMenu.Item
      onSelect={onSelect}
      asChild={asChild}
      className={clsx(
        "flex h-9 cursor-pointer items-center gap-2.5 rounded-md px-2.5 outline-none data-highlighted:bg-sunken [&_svg]:size-4",
        danger ? "text-down" : "text-ink [&_svg]:text-ink-3",
      )}
    >
      {asChild ? (
        children
      ) : (
        <>
          {icon}
          {children}
        </>
      )}
    </DropdownMenu.Item>
  )
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <DropdownMenu.Label className="px-2.5 pt-2 pb-1 text-xs text-ink-3">{children}</DropdownMenu.Label>
}

export function MenuLine() {
  return <DropdownMenu.Separator className="-mx-1 my-1 h-px bg-line" />
}
