// How a proof is made: by work in a worker, or by the script of a service that the
// server names. Loaded when a proof is demanded, and not before.
import { type Action, type Challenge, challenge, type Proof } from "./guard"
import { Miner } from "./pow"
import workerURL from "./pow.worker?worker&url"

type Progress = (share: number) => void

/** Resolves to a proof. A service that doesn't load or fails is replaced by work. */
export async function makeProof(
  action: Action,
  c: Challenge,
  place: HTMLElement | null,
  onProgress: Progress,
): Promise<Proof> {
  if (c.kind === "pow") return work(c, onProgress)
  try {
    return { token: c.token, response: await askService(action, c, place) }
  } catch {
    return work(await challenge(action, true), onProgress)
  } finally {
    place?.replaceChildren()
  }
}

async function work(c: Challenge, onProgress: Progress): Promise<Proof> {
  const nonces = await inWorker(c, onProgress).catch(() => inSlices(c, onProgress))
  return { token: c.token, nonces }
}

function inWorker(c: Challenge, onProgress: Progress): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(trusted(workerURL), { type: "module" })
    const nonces: number[] = []
    worker.onmessage = ({ data }: MessageEvent<number>) => {
      nonces.push(data)
      onProgress(nonces.length / c.pieces)
      if (nonces.length < c.pieces) return
      worker.terminate()
      resolve(nonces)
    }
    worker.onerror = () => {
      worker.terminate()
      reject(new Error("the worker doesn't run"))
    }
    worker.postMessage({ token: c.token, pieces: c.pieces, difficulty: c.difficulty })
  })
}

/** Where there is no worker: a little at a time, so that the page still answers. */
async function inSlices(c: Challenge, onProgress: Progress): Promise<number[]> {
  const nonces: number[] = []
  for (let piece = 0; piece < c.pieces; piece++) {
    const miner = new Miner(c.token, piece, c.difficulty)
    let nonce = miner.run(5000)
    while (nonce < 0) {
      await new Promise((resolve) => setTimeout(resolve))
      nonce = miner.run(5000)
    }
    nonces.push(nonce)
    onProgress(nonces.length / c.pieces)
  }
  return nonces
}

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): {
    createScriptURL(url: string): string
  }
}

/** Our own worker's address, as Trusted Types want it said. */
function trusted(url: string): string {
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes
  policy ??= types?.createPolicy("flint-worker", {
    createScriptURL: (u) => (u === workerURL ? u : ""),
  })
  return policy ? policy.createScriptURL(url) : url
}
let policy: ReturnType<TrustedTypes["createPolicy"]> | undefined

interface Services {
  turnstile?: {
    render(place: HTMLElement, options: Record<string, unknown>): string
  }
  grecaptcha?: {
    ready(then: () => void): void
    execute(siteKey: string, options: { action: string }): Promise<string>
  }
}

/** How long a service's script may take to load. */
const patience = 8_000

async function askService(action: Action, c: Challenge, place: HTMLElement | null): Promise<string> {
  await load(c.script ?? "")
  const { turnstile, grecaptcha } = globalThis as Services
  if (c.kind === "recaptcha" && grecaptcha) {
    await new Promise<void>((resolve) => grecaptcha.ready(resolve))
    return grecaptcha.execute(c.siteKey ?? "", { action })
  }
  if (c.kind === "turnstile" && turnstile && place) {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error("turnstile gave no token"))
      turnstile.render(place, {
        sitekey: c.siteKey,
        action,
        callback: resolve,
        "error-callback": fail,
        "unsupported-callback": fail,
      })
    })
  }
  throw new Error("the service isn't there")
}

const loaded = new Map<string, Promise<void>>()

function load(src: string): Promise<void> {
  const known = loaded.get(src)
  if (known) return known
  const loading = new Promise<void>((resolve, reject) => {
    const script = document.createElement("script")
    const late = setTimeout(() => reject(new Error("too slow")), patience)
    script.onload = () => {
      clearTimeout(late)
      resolve()
    }
    script.onerror = () => {
      clearTimeout(late)
      loaded.delete(src) // another time it may be there
      reject(new Error("not loaded"))
    }
    script.src = src
    document.head.append(script)
  })
  loaded.set(src, loading)
  return loading
}
