// Checks, in the browser, that an entry stands in the audit log: an inclusion proof of a Merkle
// tree (RFC 9162 2.1.3.2 over RFC 6962's hashes), from the entry's own bytes to the root that the
// log has signed. Nothing here believes the server: a wrong byte anywhere gives another root.
import type { EntryProof, SecurityEvent } from "../../api/types"

type Bytes = Uint8Array<ArrayBuffer>

/** What is signed: how many entries there are, and the root over them. */
export interface Checkpoint {
  origin: string
  size: number
  root: string
  time: string
}

/** A proof that held. */
export interface Proven {
  index: number
  size: number
  hash: string
  steps: number
  checkpoint: Checkpoint
  note: string
}

/** A proof that doesn't hold: what is wrong with it. */
export class Unproven extends Error {}

export function bytes(base64: string): Bytes {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
}

export function base64(b: Bytes): string {
  return btoa(String.fromCharCode(...b))
}

async function sha256(...parts: Bytes[]): Promise<Bytes> {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    all.set(p, at)
    at += p.length
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all))
}

/** RFC 6962: leaves and inner nodes begin with different bytes, so that one can't pass for the other. */
export const leafHash = (leaf: Bytes) => sha256(Uint8Array.of(0), leaf)
export const nodeHash = (left: Bytes, right: Bytes) => sha256(Uint8Array.of(1), left, right)

/** The root that a leaf's hash leads to by `path`, as number `index` of `size` leaves. */
export async function rootOf(hash: Bytes, index: number, size: number, path: Bytes[]): Promise<Bytes> {
  if (index >= size) throw new Unproven("The entry’s number lies beyond the log’s end.")
  let at = index
  let last = size - 1
  let root = hash
  for (const p of path) {
    if (last === 0) throw new Unproven("The path is longer than the tree is high.")
    if (at % 2 === 1 || at === last) {
      root = await nodeHash(p, root)
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2)
        last = Math.floor(last / 2)
      }
    } else {
      root = await nodeHash(root, p)
    }
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  if (last !== 0) throw new Unproven("The path ends below the root.")
  return root
}

/** Reads a signed note (C2SP tlog-checkpoint). Its signature is for whoever holds the log's key. */
export function readCheckpoint(note: string): Checkpoint {
  const [origin = "", size = "", root = "", ...rest] = note.split("\n")
  if (!/^\d{1,15}$/.test(size) || bytesOf(root)?.length !== 32 || !note.includes("\n\n— "))
    throw new Unproven("The log’s signed state can’t be read.")
  const time = rest.find((l) => l.startsWith("time "))?.slice(5) ?? ""
  return { origin, size: Number(size), root, time }
}

function bytesOf(text: string): Bytes | undefined {
  try {
    return bytes(text)
  } catch {
    return undefined
  }
}

/** The fields of a leaf, each with its length before it: see internal/audit/tlog/entry.go. */
function fields(leaf: Bytes): Bytes[] {
  const view = new DataView(leaf.buffer, leaf.byteOffset, leaf.byteLength)
  const found: Bytes[] = []
  for (let at = 0; at + 4 <= leaf.length; ) {
    const end = at + 4 + view.getUint32(at)
    found.push(leaf.slice(at + 4, end))
    at = end
  }
  return found
}

/** An RFC 3339 time as microseconds, which is how the log keeps it. */
export function micros(time: string): bigint {
  const part = /\.(\d{1,6})/.exec(time)?.[1] ?? ""
  const seconds = Math.floor(new Date(time.replace(/\.\d+/, "")).getTime() / 1000)
  return BigInt(seconds) * 1_000_000n + BigInt(part.padEnd(6, "0"))
}

/** Whether the leaf is of this very entry: the right proof of another would prove nothing. */
function isOf(event: Pick<SecurityEvent, "id" | "at" | "event">, leaf: Bytes): boolean {
  const [version, id, at, , , , , verb] = fields(leaf)
  if (!version || !id || at?.length !== 8 || !verb) return false
  const text = (b: Bytes) => new TextDecoder().decode(b)
  const hex = Array.from(id, (b) => b.toString(16).padStart(2, "0")).join("")
  const time = new DataView(at.buffer).getBigUint64(0)
  return (
    text(version).startsWith("flint.audit.") &&
    hex === event.id.replaceAll("-", "") &&
    time === micros(event.at) &&
    text(verb) === event.event
  )
}

/** Resolves when `proof` shows that `event` is in the log, and throws Unproven when it doesn't. */
export async function verify(
  event: Pick<SecurityEvent, "id" | "at" | "event">,
  proof: EntryProof,
): Promise<Proven> {
  const leaf = bytes(proof.leaf)
  if (!isOf(event, leaf)) throw new Unproven("What the log holds isn’t this entry.")
  const hash = await leafHash(leaf)
  if (base64(hash) !== proof.hash)
    throw new Unproven("The entry doesn’t have the hash that the log has for it.")
  const checkpoint = readCheckpoint(proof.checkpoint)
  if (checkpoint.size !== proof.size) throw new Unproven("The proof is for another size of the log.")
  const path = (proof.path ?? []).map((p) => bytes(p))
  const root = await rootOf(hash, proof.index, proof.size, path)
  if (base64(root) !== checkpoint.root)
    throw new Unproven("The entry doesn’t lead to the root that the log has signed.")
  return {
    index: proof.index,
    size: proof.size,
    hash: proof.hash,
    steps: path.length,
    checkpoint,
    note: proof.checkpoint,
  }
}

/**
 * Checks that the state which anybody is shown right now doesn't contradict the one of a proof:
 * of one size there must be one root, and it never shrinks.
 */
export function agree(mine: Checkpoint, everybodys: Checkpoint): void {
  if (everybodys.origin !== mine.origin) throw new Unproven("The public log is another one.")
  if (everybodys.size < mine.size) throw new Unproven("The public log is shorter than the one of this proof.")
  if (everybodys.size === mine.size && everybodys.root !== mine.root)
    throw new Unproven("The public log has another root: there are two versions of it.")
}
