// A tour by keyboard alone: no mouse is touched from the first page to the last.
import assert from "node:assert/strict"
import { open } from "./browser.mjs"
import { settled } from "./looks.mjs"

/** @param {import("playwright-core").Browser} browser @param {import("./flint.mjs").Demo} demo */
export async function keyboardTour(browser, demo) {
  const { context, page, complaints } = await open(browser, { allowed: [demo.url] })
  const keys = page.keyboard
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? "")
  await page.goto(`${demo.url}/signin`)
  await page.getByLabel("E-mail").waitFor()
  await keys.type(demo.email)
  await keys.press("Tab")
  await keys.type(demo.password)
  await keys.press("Enter")
  await page.waitForURL(`${demo.url}/`)
  await settled(page)

  // The first stop is the way past the navigation.
  await keys.press("Tab")
  assert.equal(await focused(), "Skip to content")
  await keys.press("Enter")

  // The chart speaks: each step names its day and figure.
  const chart = page.getByRole("slider", { name: /Net worth/ })
  await chart.focus()
  const today = await chart.getAttribute("aria-valuetext")
  await keys.press("ArrowLeft")
  await keys.press("ArrowLeft")
  assert.notEqual(await chart.getAttribute("aria-valuetext"), today)
  await keys.press("Escape")

  // Figures hide and come back.
  await keys.press(".")
  assert.equal(await page.evaluate(() => document.documentElement.dataset.privacy), "on")
  await keys.press(".")

  // The list of shortcuts opens, and gives focus back when it closes.
  await keys.press("?")
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor()
  await keys.press("Escape")
  await page.getByRole("dialog").waitFor({ state: "detached" })

  // Transactions: to the third row, open, edit a note, close; focus is back on the row.
  await Promise.all([keys.press("g"), keys.press("t")])
  await page.getByRole("heading", { name: "Transactions", level: 1 }).waitFor()
  await page.getByRole("list", { name: "Transactions" }).getByRole("button").nth(2).waitFor()
  for (let i = 0; i < 3; i++) await keys.press("j")
  const row = await page.evaluate(() => document.activeElement?.id ?? "")
  assert.match(row, /^t-/)
  const note = `by keyboard, ${Date.now()}`
  await keys.press("Enter")
  const drawer = page.getByRole("dialog")
  await drawer.waitFor()
  await drawer.getByLabel("Note").focus()
  await keys.press("ControlOrMeta+a")
  await keys.type(note)
  await keys.press("Tab")
  await drawer.getByText("Saved.", { exact: true }).waitFor()
  await keys.press("Escape")
  await drawer.waitFor({ state: "detached" })
  await page.waitForFunction((id) => document.activeElement?.id === id, row)

  // Search by one key, leave it by another.
  await keys.press("/")
  await keys.type("by keyboard")
  await page.waitForURL(/q=by/)
  await page.getByRole("list", { name: "Transactions" }).getByRole("button").first().waitFor()
  await keys.press("Escape")

  // The theme turns.
  await keys.press("t")
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light")
  await keys.press("t")
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark")

  for (const [key, path] of [
    ["a", "/accounts"],
    ["c", "/connections"],
    ["i", "/import"],
    ["s", "/settings/security"],
    ["d", "/"],
  ]) {
    await Promise.all([keys.press("g"), keys.press(key)]) // two keys count as one while they are close
    await page.waitForURL(demo.url + path)
    await settled(page) // the page before still listens until the next is there
  }
  assert.deepEqual(complaints, [])
  await context.close()
}
