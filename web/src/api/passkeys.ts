// Passkeys, by the browser's own JSON forms of WebAuthn: no library is needed.
import { api, ask } from "./client"
import { ApiError, asApiError } from "./problem"

/** Whether Flint was opened at a number instead of a name. A passkey is bound to a name. */
export function openedAtANumber(host = location.hostname): boolean {
  return /^(\d{1,3}(\.\d{1,3}){3}|\[.*\])$/.test(host)
}

/** Whether this browser can use passkeys here, as the API speaks of them. */
export function passkeysWork(): boolean {
  if (openedAtANumber()) return false
  return "PublicKeyCredential" in globalThis && "parseRequestOptionsFromJSON" in PublicKeyCredential
}

type Json = Record<string, unknown>

/**
 * Lets the person choose a passkey and answers the server's challenge with it. `quietly` offers
 * passkeys where the e-mail address is typed, without a window, until `signal` aborts.
 */
export async function showPasskey(quietly?: AbortSignal): Promise<Json> {
  const { publicKey } = await ask(api.POST("/api/auth/passkeys/sign-in/options", { signal: quietly }))
  return windowed(
    navigator.credentials.get({
      publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey as never),
      ...(quietly ? { mediation: "conditional" as const, signal: quietly } : {}),
    }),
  )
}

/** Makes a passkey by the server's options, of which the API answers `publicKey`. */
export function makePasskey(publicKey: unknown): Promise<Json> {
  return windowed(
    navigator.credentials.create({
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey as never),
    }),
  )
}

async function windowed(work: Promise<Credential | null>): Promise<Json> {
  try {
    const made = (await work) as PublicKeyCredential | null
    if (made) return made.toJSON() as unknown as Json
  } catch (error) {
    if (!(error instanceof DOMException)) throw asApiError(error)
    if (error.name === "InvalidStateError")
      throw new ApiError("conflict", "That passkey is here already.", "passkey_known")
  }
  throw new ApiError("invalid", "No passkey was used. Try again, or choose another way.", "cancelled")
}
