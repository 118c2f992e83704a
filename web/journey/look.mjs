// Support looks at somebody's figures, with their code: read only, seen by the person, and over
// the moment they say so.
import assert from "node:assert/strict"
import { axe, overflows } from "./browser.mjs"
import { operator } from "./flint.mjs"
import { settled } from "./looks.mjs"
import { enrolApp, first, register, securityPage, signInWith, withTwo } from "./parts.mjs"

const staff = "staff@flint.example" // whom the demo's settings name

/** @param {import("playwright-core").Browser} browser @param {import("./flint.mjs").Demo} demo */
export function looking(browser, demo) {
  return withTwo(browser, demo, async ({ page: helper }, { page: person }) => {
    await register(helper, demo, staff)
    await operator(demo, "user", "role", staff, "admin", "--reason", "joined us")
    await signInWith(helper, demo, staff, first)
    await helper.waitForURL(`${demo.url}/`)
    await securityPage(helper, demo)
    await helper.getByRole("button", { name: "Set up" }).click()
    await enrolApp(helper)
    await helper.reload()

    await signInWith(person, demo, demo.email, demo.password)
    await person.waitForURL(`${demo.url}/`)
    const worth = await person.getByTestId("net-worth").innerText()
    const code = await permit(person, demo)

    await administers(helper, demo)
    await helper.getByRole("link", { name: "Look with a code" }).click()
    await helper.getByLabel("Their code").fill(code.toLowerCase())
    await helper.getByLabel("Why").fill("Ticket 12: a total looks wrong")
    assert.deepEqual(await axe(helper), [])
    await helper.getByRole("button", { name: "Begin to look" }).click()
    await helper.getByText(/^You are looking at/).waitFor()
    await helper.getByText(demo.email, { exact: true }).waitFor()
    assert.equal(await helper.getByTestId("net-worth").innerText(), worth)
    assert.deepEqual(await axe(helper), [])
    await readOnly(helper)

    await person.reload()
    await person.getByText(/of Flint’s support is looking at your data/).waitFor()
    assert.deepEqual(await axe(person), [])
    await person.getByRole("button", { name: "Stop it" }).click()
    await person.getByText(/is looking at your data/).waitFor({ state: "detached" })
    await helper.getByRole("link", { name: "Transactions" }).locator("visible=true").first().click()
    await helper.getByText(/^You are looking at/).waitFor({ state: "detached" })
  })
}

/** Staff find somebody, see how the account stands, give it another plan for a reason, and look at the queue. */
async function administers(page, demo) {
  await page.getByRole("button", { name: "Your account" }).locator("visible=true").click()
  await page.getByRole("menuitem", { name: "Administration" }).click()
  await page.getByLabel("E-mail address or id").fill(demo.email)
  await page.keyboard.press("Enter")
  const found = page.getByRole("list", { name: "Found" })
  await found.getByText(demo.email).waitFor()
  assert.deepEqual(await axe(page), [])
  await found.getByRole("link").click()
  await page.getByRole("list", { name: "How sign-ins were judged" }).getByText("Let in").first().waitFor()
  await settled(page)
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 860 })
    assert.deepEqual(await axe(page), [])
    assert.ok(!(await overflows(page)), `an account is wider than ${width}`)
  }
  await page
    .getByRole("button", { name: /^Was the owner: Let in/ })
    .first()
    .click()
  const finding = page.getByRole("dialog", { name: "This was the owner?" })
  await finding.getByLabel("Why").fill("Ticket 12: they told us")
  assert.deepEqual(await axe(page), [])
  await finding.getByRole("button", { name: "Was the owner" }).click()
  await page.getByText("was the owner", { exact: true }).first().waitFor()
  await page.getByRole("button", { name: "Change the plan" }).click()
  const dialog = page.getByRole("dialog", { name: /^Change .* plan$/ })
  await dialog.getByLabel("Plan").selectOption("Premium")
  await dialog.getByLabel("Why").fill("Ticket 12: asked for it")
  assert.deepEqual(await axe(page), [])
  await dialog.getByRole("button", { name: "Change the plan" }).click()
  await page.getByText("Premium", { exact: true }).waitFor()
  await page.getByRole("link", { name: "Screening" }).click()
  await page.getByText("Nothing to look at").waitFor()
  assert.deepEqual(await axe(page), [])
}

async function permit(page, demo) {
  await securityPage(page, demo)
  await page.getByRole("button", { name: "Let support look" }).click()
  const dialog = page.getByRole("dialog", { name: "Let support look" })
  await dialog.getByRole("button", { name: "Make a code" }).click()
  const code = (await page.getByTestId("support-code").innerText()).trim()
  assert.match(code, /^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/)
  assert.deepEqual(await axe(page), [])
  await dialog.getByRole("button", { name: "Done" }).click()
  return code
}

/** What changes something is off, and would be refused if it weren't. */
async function readOnly(page) {
  await page.getByRole("link", { name: "Accounts" }).locator("visible=true").first().click()
  await page.getByRole("heading", { name: "Accounts", level: 1 }).waitFor()
  const code = await page.evaluate(async () => {
    const look = JSON.parse(sessionStorage.getItem("flint-look"))
    const headers = { "Content-Type": "application/json", "X-Flint-Support": look.id }
    const { accounts } = await (await fetch("/api/accounts", { headers })).json()
    const body = JSON.stringify({ hidden: true })
    const answer = await fetch(`/api/accounts/${accounts[0].id}`, { method: "PATCH", headers, body })
    return (await answer.json()).code
  })
  assert.equal(code, "read_only_support")
}
