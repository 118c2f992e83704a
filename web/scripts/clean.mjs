// Empties dist/ but keeps dist/.gitkeep, which lets `go build` work before any web build.
import { readdirSync, rmSync } from "node:fs"

const dist = new URL("../dist/", import.meta.url)
try {
  for (const name of readdirSync(dist)) {
    if (name !== ".gitkeep") rmSync(new URL(name, dist), { recursive: true, force: true })
  }
} catch (error) {
  if (error.code !== "ENOENT") throw error
}
