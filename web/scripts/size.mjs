// Writes a brotli copy of each built file for the server to send, and holds the build to
// its budgets: what a person must download before each document can run.
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { brotliCompressSync, constants, gzipSync } from "node:zlib"

const dist = new URL("../dist/", import.meta.url)
const assets = new URL("assets/", dist)
const kB = (n) => `${(n / 1000).toFixed(1)} kB`

const sizes = new Map()
for (const name of readdirSync(assets)) {
  if (!/\.(js|css)$/.test(name)) continue
  const plain = readFileSync(new URL(name, assets))
  const br = brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })
  writeFileSync(new URL(`${name}.br`, assets), br)
  sizes.set(name, { br: br.length, gz: gzipSync(plain, { level: 9 }).length })
}

/** The scripts and styles that a document names, by extension. */
function named(document) {
  const html = readFileSync(new URL(document, dist), "utf8")
  return [...html.matchAll(/(?:src|href)="\/assets\/([^"]+\.(js|css))"/g)].map(([, name, kind]) => ({
    name,
    kind,
  }))
}

const sum = (files, by) => files.reduce((total, f) => total + sizes.get(f.name)[by], 0)
const fonts = readdirSync(assets).filter((n) => n.endsWith(".woff2"))
const fontBytes = fonts.reduce((t, n) => t + readFileSync(new URL(n, assets)).length, 0)

const app = named("index.html")
const auth = named("auth.html")
const first = new Set([...app, ...auth].map((f) => f.name))
const routes = [...sizes].filter(([name]) => name.endsWith(".js") && !first.has(name))
const [widest, { br: widestSize }] = routes.reduce((a, b) => (b[1].br > a[1].br ? b : a))

const budgets = [
  [
    "app scripts, brotli",
    sum(
      app.filter((f) => f.kind === "js"),
      "br",
    ),
    150_000,
  ],
  ["sign-in scripts and styles, gzip", sum(auth, "gz"), 90_000],
  [
    "styles, brotli",
    sum(
      app.filter((f) => f.kind === "css"),
      "br",
    ),
    14_000,
  ],
  [`largest later chunk (${widest}), brotli`, widestSize, 45_000],
  ["fonts", fontBytes, 60_000],
]
let over = false
for (const [what, size, limit] of budgets) {
  const bad = size > limit
  over ||= bad
  console.log(`${bad ? "OVER " : "ok   "} ${what}: ${kB(size)} of ${kB(limit)}`)
}
if (over) process.exit(1)
