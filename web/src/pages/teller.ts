// Teller's own widget, which runs in an iframe of theirs. Its script may be loaded on
// /connect only: no other document's policy allows it.

export interface TellerEnrollment {
  accessToken: string
  user: { id: string }
  enrollment: { id: string; institution: { id?: string; name: string } }
  signatures?: string[]
}

interface TellerConnect {
  setup(config: {
    applicationId: string
    environment: string
    products: string[]
    nonce: string
    enrollmentId?: string
    selectAccount?: "disabled" | "single" | "multiple"
    appearance?: "dark" | "light" | "system"
    onInit?: () => void
    onSuccess: (enrollment: TellerEnrollment) => void
    onExit?: () => void
    onFailure?: (failure: { type: string; code: string; message: string }) => void
  }): { open(): void; destroy(): void }
}

declare global {
  interface Window {
    TellerConnect?: TellerConnect
  }
}

/** Loads Teller's script once. Rejects when it is blocked or can't be reached. */
export function loadTeller(scriptUrl: string): Promise<TellerConnect> {
  if (window.TellerConnect) return Promise.resolve(window.TellerConnect)
  return new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = scriptUrl
    script.addEventListener("load", () =>
      window.TellerConnect ? resolve(window.TellerConnect) : reject(new Error("the widget didn't start")),
    )
    script.addEventListener("error", () => {
      script.remove()
      reject(new Error("the widget couldn't be loaded"))
    })
    document.head.append(script)
  })
}
