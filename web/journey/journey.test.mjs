// The browser journeys: the whole product, driven as people drive it.
//   npm run journey     with bin/flint built, and a Chromium (CHROMIUM=/path if it isn't found)
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { launch, open } from "./browser.mjs"
import { theDoor } from "./door.mjs"
import { startFlint } from "./flint.mjs"
import { keyboardTour } from "./keyboard.mjs"
import { looking } from "./look.mjs"
import { everyPageLooksRight } from "./looks.mjs"
import { newcomer } from "./newcomer.mjs"
import { owning } from "./own.mjs"
import { proving } from "./proofs.mjs"
import { securing } from "./secure.mjs"

/** @type {import("./flint.mjs").Demo} */
let demo
/** @type {import("playwright-core").Browser} */
let browser

/** @param {{ bots?: "always" }} [o] */
async function begin(o) {
  demo = await startFlint(o)
  browser = await launch()
}

async function end() {
  await browser?.close()
  await demo?.stop()
}

describe("Flint in a browser", { timeout: 600_000 }, () => {
  before(() => begin())
  after(end)

  it("opens the demo at a populated dashboard, by one link", async () => {
    const { context, page, complaints } = await open(browser, { allowed: [demo.url] })
    await page.goto(demo.loginUrl)
    await page.waitForURL(`${demo.url}/`)
    assert.match(await page.getByTestId("net-worth").innerText(), /\d/)
    await page.getByText("Demo data").waitFor()
    await page.goto(demo.loginUrl)
    await page.getByRole("heading", { name: "This link didn’t work" }).waitFor()
    await context.close()
    // The second use of the link is refused, and Chromium reports that as an error.
    assert.deepEqual(
      complaints.filter((c) => !c.includes("/api/auth/link")),
      [],
    )
  })

  it("does the main job for a new person", () => newcomer(browser, demo))
  it("keeps other sites out and refuses nothing of its own", () => theDoor(browser, demo))
  it("can be used by keyboard alone", () => keyboardTour(browser, demo))
  it("looks right on every page, in both themes and three widths", () => everyPageLooksRight(browser, demo))
})

// One address may sign in so often in a minute, and a demo of its own counts anew. Here every
// form wants a proof that no program sends it, so that each journey works for it too.
describe("An account in a browser", { timeout: 600_000 }, () => {
  before(() => begin({ bots: "always" }))
  after(end)

  it("takes a copy of its data, proves its log, and ends in fourteen days, or not", () =>
    owning(browser, demo))

  it("proves who one is, makes a key, and changes its address", () => proving(browser, demo))
  it("secures an account", () => securing(browser, demo))
  it("lets support look, until its owner stops it", () => looking(browser, demo))
})
