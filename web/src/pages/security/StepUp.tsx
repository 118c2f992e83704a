// Proving once more who one is. A call that the server refuses with step_up_required waits
// for this dialog and is then made again, once.
import {
  createContext,
  type FormEvent,
  type ReactNode,
  useCallback,
  useContext,
  useRef,
  useState,
} from "react"
import { api, ask } from "../../api/client"
import { passkeysWork, showPasskey } from "../../api/passkeys"
import { ApiError, asApiError, type Method } from "../../api/problem"
import { FormProblem } from "../../auth/Notice"
import { Button } from "../../ui/Button"
import { Input } from "../../ui/Field"
import { Modal } from "../../ui/Overlay"

export type Guard = <T>(call: () => Promise<T>) => Promise<T>

const Context = createContext<Guard>((call) => call())

/** Returns what makes a call, and makes it again after the person has proven that it's them. */
export function useGuard(): Guard {
  return useContext(Context)
}

interface Asked {
  methods: Method[]
  answer: (proven: boolean) => void
}

export function StepUp({ children }: { children: ReactNode }) {
  const [asked, setAsked] = useState<Asked>()
  // Calls that are refused together wait for one dialog.
  const proof = useRef<Promise<boolean>>(undefined)
  const guard = useCallback<Guard>(async (call) => {
    try {
      return await call()
    } catch (error) {
      const { code, demand } = asApiError(error)
      if (code !== "step_up_required") throw error
      proof.current ??= new Promise<boolean>((answer) =>
        setAsked({ methods: demand.methods, answer }),
      ).finally(() => {
        proof.current = undefined
        setAsked(undefined)
      })
      if (!(await proof.current))
        throw new ApiError("refused", "Nothing was changed, since you didn’t confirm it.", "cancelled")
      return call()
    }
  }, [])
  return (
    <Context.Provider value={guard}>
      {children}
      {asked && <Proof methods={asked.methods} answer={asked.answer} />}
    </Context.Provider>
  )
}

const ways: Record<Method, string> = {
  passkey: "Use a passkey",
  totp: "Use the authenticator app",
  backup_code: "Use a backup code",
  password: "Use your password",
}

function Proof({ methods, answer }: Asked) {
  const usable = methods.filter((m) => m !== "passkey" || passkeysWork())
  const [method, setMethod] = useState<Method>(usable[0] ?? "password")
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError>()
  const prove = (e: FormEvent<HTMLFormElement>) => {
    e.preventDefault()
    const secret = String(new FormData(e.currentTarget).get("secret") ?? "")
    setBusy(true)
    setError(undefined)
    send(method, secret).then(
      () => answer(true),
      (problem) => {
        setError(asApiError(problem))
        setBusy(false)
      },
    )
  }
  return (
    <Modal open onClose={() => answer(false)} title="Is it you?">
      <form key={method} onSubmit={prove} className="space-y-4">
        <p className="text-ink-2">This change needs a fresh proof. It holds for ten minutes.</p>
        <FormProblem error={error} />
        {method === "password" ? (
          <Input
            label="Your password"
            name="secret"
            type="password"
            autoComplete="current-password"
            required
            autoFocus
          />
        ) : method === "totp" ? (
          <Input
            label="Code of your authenticator app"
            name="secret"
            autoComplete="one-time-code"
            inputMode="numeric"
            required
            autoFocus
            maxLength={7}
          />
        ) : method === "backup_code" ? (
          <Input
            label="Backup code"
            name="secret"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            required
            autoFocus
            maxLength={40}
          />
        ) : null}
        <div className="flex flex-wrap items-center justify-between gap-3">
          <span className="flex flex-wrap gap-x-4 gap-y-1 text-sm">
            {usable
              .filter((m) => m !== method)
              .map((m) => (
                <button
                  key={m}
                  type="button"
                  className="prose-link"
                  onClick={() => {
                    setError(undefined)
                    setMethod(m)
                  }}
                >
                  {ways[m]}
                </button>
              ))}
          </span>
          <Button
            look="primary"
            type="submit"
            className="ml-auto"
            busy={busy}
            writes
            autoFocus={method === "passkey"}
          >
            {method === "passkey" ? "Use a passkey" : "Confirm"}
          </Button>
        </div>
      </form>
    </Modal>
  )
}

async function send(method: Method, secret: string): Promise<unknown> {
  const body =
    method === "passkey"
      ? { method, assertion: await showPasskey() }
      : method === "password"
        ? { method, password: secret }
        : { method, code: method === "totp" ? secret.replace(/\s/g, "") : secret.trim() }
  return ask(api.POST("/api/auth/step-up", { body }))
}
