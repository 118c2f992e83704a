// Proof of work: for each piece, a nonce with which SHA-256("token:piece:nonce") begins
// with so many zero bits. Web Crypto would take a promise per hash, so this is SHA-256
// itself, with the part of the message that doesn't change hashed once.

const K = new Int32Array(64)
const H = new Int32Array(8)

// The constants are the fractional parts of the roots of the first primes.
for (let n = 2, i = 0; i < 64; n++) {
  let prime = true
  for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false
  if (!prime) continue
  const frac = (x: number) => ((x - Math.floor(x)) * 2 ** 32) | 0
  if (i < 8) H[i] = frac(Math.sqrt(n))
  K[i++] = frac(Math.cbrt(n))
}

const W = new Int32Array(64)
const ror = (x: number, n: number) => (x >>> n) | (x << (32 - n))

/** Adds the 64 bytes of `block` from `at` on to the state. */
function compress(state: Int32Array, block: Uint8Array, at: number): void {
  for (let i = 0, p = at; i < 16; i++, p += 4) {
    W[i] =
      ((block[p] as number) << 24) |
      ((block[p + 1] as number) << 16) |
      ((block[p + 2] as number) << 8) |
      (block[p + 3] as number)
  }
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15] as number
    const y = W[i - 2] as number
    const s0 = ror(x, 7) ^ ror(x, 18) ^ (x >>> 3)
    const s1 = ror(y, 17) ^ ror(y, 19) ^ (y >>> 10)
    W[i] = ((W[i - 16] as number) + s0 + (W[i - 7] as number) + s1) | 0
  }
  let a = state[0] as number
  let b = state[1] as number
  let c = state[2] as number
  let d = state[3] as number
  let e = state[4] as number
  let f = state[5] as number
  let g = state[6] as number
  let h = state[7] as number
  for (let i = 0; i < 64; i++) {
    const s1 = ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (K[i] as number) + (W[i] as number)) | 0
    const s0 = ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  state[0] = ((state[0] as number) + a) | 0
  state[1] = ((state[1] as number) + b) | 0
  state[2] = ((state[2] as number) + c) | 0
  state[3] = ((state[3] as number) + d) | 0
  state[4] = ((state[4] as number) + e) | 0
  state[5] = ((state[5] as number) + f) | 0
  state[6] = ((state[6] as number) + g) | 0
  state[7] = ((state[7] as number) + h) | 0
}

/** Tries the nonces of one piece, from 0. */
export class Miner {
  private readonly start: Int32Array // after the blocks that don't change
  private readonly state = new Int32Array(8)
  private readonly tail: Uint8Array
  private readonly fixed: number // bytes of the tail before the nonce
  private readonly whole: number // bytes before the tail
  private nonce = 0

  constructor(
    token: string,
    piece: number,
    private readonly difficulty: number,
  ) {
    const prefix = new TextEncoder().encode(`${token}:${piece}:`)
    this.whole = prefix.length - (prefix.length % 64)
    this.start = H.slice()
    for (let at = 0; at < this.whole; at += 64) compress(this.start, prefix, at)
    this.fixed = prefix.length - this.whole
    this.tail = new Uint8Array(128)
    this.tail.set(prefix.subarray(this.whole))
  }

  /** Makes up to `tries` tries. Returns the nonce, or -1 if it wasn't among them. */
  run(tries: number): number {
    for (let i = 0; i < tries; i++, this.nonce++) {
      if (Math.clz32(this.hash(this.nonce)[0] as number) >= this.difficulty) return this.nonce
    }
    return -1
  }

  /** The hash with a nonce; the next call overwrites it. */
  hash(nonce: number): Int32Array {
    const { tail, state } = this
    const digits = String(nonce)
    let end = this.fixed
    for (let i = 0; i < digits.length; i++) tail[end++] = digits.charCodeAt(i)
    tail[end] = 0x80
    const size = end + 9 <= 64 ? 64 : 128
    tail.fill(0, end + 1, size)
    const bits = (this.whole + end) * 8
    tail[size - 3] = bits >>> 16
    tail[size - 2] = bits >>> 8
    tail[size - 1] = bits
    state.set(this.start)
    compress(state, tail, 0)
    if (size === 128) compress(state, tail, 64)
    return state
  }
}
