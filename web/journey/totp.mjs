// An authenticator app: RFC 6238 with what an otpauth link says.
import { createHmac } from "node:crypto"

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

function bytes(base32) {
  let bits = ""
  for (const c of base32.replace(/=+$/, "").toUpperCase())
    bits += alphabet.indexOf(c).toString(2).padStart(5, "0")
  return Buffer.from(bits.match(/.{8}/g).map((b) => Number.parseInt(b, 2)))
}

/** The code of one 30-second step. */
function codeAt(secret, step) {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac("sha1", bytes(secret)).update(counter).digest()
  const at = mac[mac.length - 1] & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, "0")
}

/** An app that has read `uri`. Each call gives a code that wasn't given before, waiting for it if need be. */
export function authenticator(uri) {
  const query = new URL(uri).searchParams
  const secret = query.get("secret")
  let last = 0
  return async () => {
    const now = () => Math.floor(Date.now() / 30_000)
    last = Math.max(last + 1, now())
    // A clock may be one step ahead of the server's.
    while (now() < last - 1) await new Promise((resolve) => setTimeout(resolve, 500))
    return codeAt(secret, last)
  }
}
