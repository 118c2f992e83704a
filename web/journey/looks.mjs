// Every page, in both themes and three widths: accessible, no wider than its window,
// with a clean console.
import assert from "node:assert/strict"
import { axe, open, overflows, signIn } from "./browser.mjs"

const widths = [360, 768, 1280]

/** The pages that a signed-in person has, with ids of the demo's own data. */
export async function pagesOf(page, url) {
  const get = (path) => page.evaluate((p) => fetch(p).then((r) => r.json()), path)
  await page.goto(url)
  const { accounts } = await get("/api/accounts")
  const { connections } = await get("/api/connections")
  const invested = accounts.find((a) => a.type === "investment") ?? accounts[0]
  const broken = connections.find((c) => c.action === "reconnect") ?? connections[0]
  return [
    "/",
    "/accounts",
    `/accounts/${invested.id}`,
    "/transactions",
    "/connections",
    `/connections/${broken.id}`,
    "/connect",
    "/connect?goal=bank",
    "/import",
    "/settings/security",
    "/settings/privacy",
    "/nowhere",
  ]
}

/** Waits until nothing on the page is loading any more. */
export async function settled(page) {
  await page.waitForLoadState("load")
  await page.waitForFunction(
    () => document.querySelector("h1, main p") && !document.querySelector("[aria-busy=true]"),
  )
  await page.evaluate(() => document.fonts.ready)
}

/** Goes to a page as its links do: within the document, except into and out of /connect. */
export async function go(page, url, path) {
  const loads = (p) =>
    /^\/(connect|signin|signin\/mail|signup|forgot|reset|undo-email-change|legal\/\w+)(\?|$)/.test(p)
  const here = new URL(page.url())
  if (here.origin !== url || loads(path) || loads(here.pathname)) await page.goto(url + path)
  else {
    await page.evaluate((p) => {
      for (const h of document.querySelectorAll("h1")) h.dataset.old = ""
      history.pushState({}, "", p)
    }, path)
    await page.waitForFunction(() => document.querySelector("h1:not([data-old])"))
  }
  await settled(page)
}

/** @param {import("playwright-core").Browser} browser @param {import("./flint.mjs").Demo} demo */
export async function everyPageLooksRight(browser, demo) {
  const first = await open(browser, { allowed: [demo.url] })
  const storageState = await signIn(first.page, demo.url, demo.email, demo.password)
  const paths = await pagesOf(first.page, demo.url)
  await first.context.close()
  const found = []
  const look = async (page, what) => {
    for (const v of await axe(page)) found.push(`${what}: ${v}`)
    if (await overflows(page)) found.push(`${what}: wider than the window`)
  }
  for (const theme of /** @type {const} */ (["light", "dark"])) {
    const { context, page, complaints } = await open(browser, { allowed: [demo.url], theme, storageState })
    for (const path of [
      ...paths,
      "/signin",
      "/signin/mail",
      "/signup",
      "/forgot",
      "/reset",
      "/undo-email-change",
      "/legal/privacy",
    ]) {
      await go(page, demo.url, path)
      for (const width of widths) {
        await page.setViewportSize({ width, height: 860 })
        await look(page, `${theme} ${width} ${path}`)
      }
    }
    found.push(...complaints)
    await context.close()
  }
  assert.deepEqual(found, [])
}
