// The verifier against a tree that is computed another way: straight from RFC 6962's definitions.
import { describe, expect, it } from "vitest"
import type { EntryProof } from "../../api/types"
import { agree, base64, leafHash, micros, nodeHash, readCheckpoint, rootOf, Unproven, verify } from "./prove"

type Bytes = Uint8Array<ArrayBuffer>

const split = (n: number) => {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

async function rootHash(leaves: Bytes[]): Promise<Bytes> {
  const [only] = leaves
  if (leaves.length === 1 && only) return leafHash(only)
  const k = split(leaves.length)
  return nodeHash(await rootHash(leaves.slice(0, k)), await rootHash(leaves.slice(k)))
}

async function pathOf(index: number, leaves: Bytes[]): Promise<Bytes[]> {
  if (leaves.length === 1) return []
  const k = split(leaves.length)
  return index < k
    ? [...(await pathOf(index, leaves.slice(0, k))), await rootHash(leaves.slice(k))]
    : [...(await pathOf(index - k, leaves.slice(k))), await rootHash(leaves.slice(0, k))]
}

const event = {
  id: "01a209fa-c59d-7984-9980-28601003ee69",
  at: "2026-11-23T19:55:59.261611Z",
  event: "session.start",
}

/** As internal/audit/tlog/entry.go writes it. */
function leafOf(e: typeof event): Bytes {
  const text = (s: string) => new TextEncoder().encode(s)
  const at = new Uint8Array(8)
  new DataView(at.buffer).setBigUint64(0, micros(e.at))
  const id = Uint8Array.from(e.id.replaceAll("-", "").match(/../g) ?? [], (h) => Number.parseInt(h, 16))
  const parts = [
    text("flint.audit.1"),
    id,
    at,
    new Uint8Array(16),
    text("user"),
    text(""),
    new Uint8Array(16),
  ]
  parts.push(text(e.event), text("o"), text("r"), text(""), text("{}"), text("sealed"))
  return Uint8Array.from(
    parts.flatMap((p) => {
      const length = new Uint8Array(4)
      new DataView(length.buffer).setUint32(0, p.length)
      return [...length, ...p]
    }),
  )
}

const note = (size: number, root: string) =>
  `flint.example/audit\n${size}\n${root}\ntime 2026-11-23T19:56:00Z\n\n— flint.example/audit AAAA\n`

/** A log of `size` entries, ours at `index`, with its proof. */
async function logOf(size: number, index: number): Promise<EntryProof> {
  const leaves = Array.from({ length: size }, (_, i) => new TextEncoder().encode(`entry ${i}`) as Bytes)
  const leaf = leafOf(event)
  leaves[index] = leaf
  const root = base64(await rootHash(leaves))
  return {
    index,
    size,
    leaf: base64(leaf),
    hash: base64(await leafHash(leaf)),
    path: (await pathOf(index, leaves)).map(base64),
    checkpoint: note(size, root),
  }
}

const flip = (text: string) => (text.startsWith("A") ? `B${text.slice(1)}` : `A${text.slice(1)}`)

describe("a proof of a log entry", () => {
  it("holds wherever the entry stands, in trees of every shape", async () => {
    for (let size = 1; size <= 17; size++)
      for (let index = 0; index < size; index++) {
        const proven = await verify(event, await logOf(size, index))
        expect(proven).toMatchObject({ index, size, checkpoint: { origin: "flint.example/audit", size } })
      }
  })
  it("doesn't hold once anything of it is another", async () => {
    const good = await logOf(13, 6)
    const other = await logOf(13, 5)
    const wrong: [string, EntryProof][] = [
      ["another leaf", { ...good, leaf: flip(good.leaf) }],
      ["another hash", { ...good, hash: flip(good.hash) }],
      ["another number", { ...good, index: 7 }],
      ["a number beyond the end", { ...good, index: 13 }],
      ["a path that misses a step", { ...good, path: (good.path ?? []).slice(1) }],
      ["a path with one too many", { ...good, path: [...(good.path ?? []), good.hash] }],
      ["a path with a wrong step", { ...good, path: (good.path ?? []).map(flip) }],
      ["another state", { ...good, checkpoint: other.checkpoint }],
      ["a state of another size", { ...good, checkpoint: good.checkpoint.replace("\n13\n", "\n14\n") }],
      ["a state that nobody signed", { ...good, checkpoint: good.checkpoint.split("\n\n")[0] ?? "" }],
      ["no state", { ...good, checkpoint: "" }],
    ]
    for (const [what, proof] of wrong) await expect(verify(event, proof), what).rejects.toThrow(Unproven)
  })
  it("is of this entry, and not the right proof of another", async () => {
    const good = await logOf(4, 2)
    for (const another of [
      { ...event, id: "01a209fa-c59d-7984-9980-28601003ee60" },
      { ...event, at: "2026-11-23T19:55:59.261612Z" },
      { ...event, event: "session.end" },
    ])
      await expect(verify(another, good)).rejects.toThrow("isn’t this entry")
  })
  it("agrees with the state that everybody is shown", async () => {
    const mine = readCheckpoint((await logOf(9, 3)).checkpoint)
    expect(() => agree(mine, mine)).not.toThrow()
    expect(() => agree(mine, { ...mine, size: 10, root: "other" })).not.toThrow()
    expect(() => agree(mine, { ...mine, root: "other" })).toThrow("two versions")
    expect(() => agree(mine, { ...mine, size: 8 })).toThrow("shorter")
    expect(() => agree(mine, { ...mine, origin: "evil.example/audit" })).toThrow("another one")
  })
  it("refuses an empty path to a root that the leaf isn't", async () => {
    await expect(rootOf(new Uint8Array(32), 0, 2, [])).rejects.toThrow("below the root")
  })
  it("reads times to the microsecond", () => {
    expect(micros("2026-11-23T19:55:59.261611Z")).toBe(1_795_463_759_261_611n)
    expect(micros("2026-11-23T19:55:59Z")).toBe(1_795_463_759_000_000n)
    expect(micros("2026-11-23T19:55:59.5Z")).toBe(1_795_463_759_500_000n)
  })
})
