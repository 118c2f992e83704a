// Pictures of the demo's pages, to be looked at:  node journey/screenshots.mjs FOLDER
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { launch, open, signIn } from "./browser.mjs"
import { startFlint } from "./flint.mjs"
import { go, pagesOf } from "./looks.mjs"

const folder = process.argv[2] ?? "screenshots"
mkdirSync(folder, { recursive: true })

/** A file name for a page: ids become "one". */
function nameOf(path) {
  const words = path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "one").replace(/[^a-z0-9]+/gi, "-")
  return words.replace(/^-|-$/g, "") || "dashboard"
}

const demo = await startFlint()
const browser = await launch()
try {
  const first = await open(browser, { allowed: [demo.url] })
  const storageState = await signIn(first.page, demo.url, demo.email, demo.password)
  const paths = [...(await pagesOf(first.page, demo.url)), "/signin", "/signup"]
  await first.context.close()
  for (const theme of /** @type {const} */ (["light", "dark"])) {
    const { context, page, complaints } = await open(browser, {
      allowed: [demo.url],
      theme,
      scale: 2,
      storageState,
    })
    for (const path of paths) {
      await go(page, demo.url, path)
      for (const [width, height] of [
        [360, 780],
        [1280, 860],
      ]) {
        await page.setViewportSize({ width, height })
        await page.waitForTimeout(200) // charts measure anew
        await page.screenshot({ path: join(folder, `${nameOf(path)}-${width}-${theme}.png`) })
      }
    }
    for (const c of complaints) console.log(c)
    await context.close()
  }
} finally {
  await browser.close()
  await demo.stop()
}
