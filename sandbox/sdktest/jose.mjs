// Reads one of Flint's access tokens as a stranger would: with the npm package
// jose, which shares no code with Flint, and the key set that Flint serves.
// Prints what it found as one line of JSON; the Go test of internal/session
// compares that with what was issued.
import { calculateJwkThumbprint, createRemoteJWKSet, jwtVerify } from "jose";

const { JWKS_URL, ISSUER, TOKEN, NOW, TTL } = process.env; // NOW is Flint's time and TTL a token's life, both in seconds

const keys = createRemoteJWKSet(new URL(JWKS_URL));
const at = (seconds) => new Date((Number(NOW) + seconds) * 1000);
const strict = {
  issuer: ISSUER,
  audience: "flint-api",
  typ: "at+jwt",
  algorithms: ["EdDSA"],
  requiredClaims: ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid"],
  clockTolerance: 0,
  currentDate: at(0),
};

// refused resolves to the code of the error that verifying must end in.
async function refused(token, changes = {}) {
  try {
    await jwtVerify(token, keys, { ...strict, ...changes });
  } catch (e) {
    return e.code;
  }
  return "not refused";
}

const { protectedHeader, payload } = await jwtVerify(TOKEN, keys, strict);
const [header, body, signature] = TOKEN.split(".");
const tampered = Buffer.from(JSON.stringify({ ...payload, tier: "premium" })).toString("base64url");
const last = { ...strict, currentDate: at(Number(TTL) - 1) };
await jwtVerify(TOKEN, keys, last);

const set = keys.jwks();
console.log(JSON.stringify({
  header: protectedHeader,
  claims: payload,
  kids: set.keys.map((k) => k.kid),
  thumbprints: await Promise.all(set.keys.map((k) => calculateJwkThumbprint(k, "sha256"))),
  refused: {
    audience: await refused(TOKEN, { audience: "other-api" }),
    issuer: await refused(TOKEN, { issuer: "https://evil.example" }),
    type: await refused(TOKEN, { typ: "JWT" }),
    algorithm: await refused(TOKEN, { algorithms: ["ES256"] }),
    expired: await refused(TOKEN, { currentDate: at(Number(TTL)) }),
    early: await refused(TOKEN, { currentDate: at(-31) }),
    tampered: await refused(`${header}.${tampered}.${signature}`),
    unsigned: await refused(`${header}.${body}.`),
  },
}));
