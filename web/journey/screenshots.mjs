// Pictures of the demo's pages, to be looked at:  node journey/screenshots.mjs FOLDER
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { launch, open, signIn } from "./browser.mjs"
import { startFlint } from "./flint.mjs"
import { go, pagesOf } from "./looks.mjs"

const folder = process.argv[2] ?? "screenshots"
mkdirSync(folder, { recursive: true })

const demo = await startFlint()
const browser = await launch()
try {
  const first = await open(browser, { allowed: [demo.url] })
  const storageState = await signIn(first.page, demo.url, demo.email, demo.password)
  const paths = [...(await pagesOf(first.page, demo.url)), "/signin", "/signup"]
  await first.context.close()
  for (const theme of /** @type {const} */ (["light", "dark"])) {
    for (const width of [360, 1280]) {
      const { context, page, complaints } = await open(browser, {
        allowed: [demo.url],
        theme,
        width,
        height: width === 360 ? 780 : 860,
        scale: 2,
        storageState,
      })
      for (const path of paths) {
        await go(page, demo.url, path)
        const name =
          path
            .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "one")
            .replace(/[^a-z0-9]+/gi, "-")
            .replace(/^-|-$/g, "") || "dashboard"
        await page.screenshot({ path: join(folder, `${name}-${width}-${theme}.png`) })
      }
      for (const c of complaints) console.log(c)
      await context.close()
    }
  }
} finally {
  await browser.close()
  await demo.stop()
}
