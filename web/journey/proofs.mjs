// One account's proofs and addresses: a passkey as the second step and as a fresh proof, a code of
// the app as one, an API key from its making to its end, two tabs, and an e-mail address that is
// changed and taken back.
import assert from "node:assert/strict"
import { axe } from "./browser.mjs"
import {
  enrolApp,
  first,
  mailed,
  register,
  second,
  securityPage,
  signInWith,
  virtualAuthenticator,
  withTwo,
} from "./parts.mjs"

/** @param {import("playwright-core").Browser} browser @param {import("./flint.mjs").Demo} demo */
export function proving(browser, demo) {
  const mark = Date.now()
  const [email, later] = [`sam-${mark}@example.com`, `sam.new-${mark}@example.com`]
  return withTwo(browser, demo, async (laptop, phone) => {
    await virtualAuthenticator(laptop.context, laptop.page)
    await register(laptop.page, demo, email)
    await signInWith(laptop.page, demo, email, first)
    await laptop.page.waitForURL(`${demo.url}/`)
    const codes = await addPasskey(laptop.page, demo)
    await twoTabs(laptop, demo)
    await passkeyAsSecondStep(laptop.page, demo, email)

    await signInWith(phone.page, demo, email, first)
    await phone.page.getByRole("button", { name: "Use a backup code" }).click()
    await phone.page.getByLabel("Backup code").fill(codes[0])
    await phone.page.getByRole("button", { name: "Sign in", exact: true }).click()
    await phone.page.waitForURL(`${demo.url}/`)
    await securityPage(phone.page, demo)
    await phone.page.getByRole("button", { name: "Set up" }).click()
    const { app } = await enrolApp(phone.page)

    // A new factor makes the other device's proof worthless: there, the passkey proves anew.
    await keys(laptop.page, demo)
    await renewCodes(laptop.page)
    await changeAddress(phone.page, demo, { to: later, app })
    await undoAddress(laptop.page, phone.page, demo, email)
  })
}

async function addPasskey(page, demo) {
  await securityPage(page, demo)
  await page.getByRole("button", { name: "Add a passkey" }).click()
  const dialog = page.getByRole("dialog", { name: "Add a passkey" })
  await dialog.getByLabel("Its name").fill("Laptop")
  await dialog.getByRole("button", { name: "Continue" }).click()
  const kept = dialog.getByRole("button", { name: "I’ve kept them" })
  await kept.waitFor()
  const codes = await dialog.getByRole("list", { name: "Backup codes" }).getByRole("listitem").allInnerTexts()
  await kept.click()
  await page.getByRole("list", { name: "Your passkeys" }).getByText("Laptop").waitFor()
  return codes
}

/** Both tabs live through a run-out access token with one renewal each at most; signing out of one is seen in the other. */
async function twoTabs({ context, page }, demo) {
  const other = await context.newPage()
  await other.goto(`${demo.url}/accounts`)
  await other.getByRole("heading", { name: "Accounts", level: 1 }).waitFor()
  await context.clearCookies({ name: /accessToken/ })
  const renewed = []
  context.on("response", (r) => r.url().endsWith("/api/auth/refresh") && renewed.push(r.status()))
  await Promise.all([page.goto(`${demo.url}/settings/security`), other.goto(`${demo.url}/connections`)])
  await page.getByRole("list", { name: "Your passkeys" }).waitFor()
  await other.getByRole("heading", { name: "Connections", level: 1 }).waitFor()
  assert.ok(renewed.length >= 1 && renewed.length <= 2, `${renewed.length} renewals for two tabs`)
  assert.ok(
    renewed.every((s) => s === 200),
    `renewals answered ${renewed}`,
  )
  await page.getByRole("button", { name: "Your account" }).locator("visible=true").click()
  await page.getByRole("menuitem", { name: "Sign out" }).click()
  await Promise.all([page.waitForURL(/\/signin/), other.waitForURL(/\/signin/)])
  await other.close()
}

async function passkeyAsSecondStep(page, demo, email) {
  await signInWith(page, demo, email, first)
  await page.getByRole("heading", { name: "One more step" }).waitFor()
  await page.getByText("Confirm with a passkey.").waitFor()
  await page.getByRole("button", { name: "Use a passkey" }).click()
  await page.waitForURL(`${demo.url}/`)
}

/** Calls the API as a program does, from outside of any browser. */
async function asProgram(demo, key, path, method = "GET") {
  const answer = await fetch(demo.url + path, { method, headers: { Authorization: `Bearer ${key}` } })
  const body = await answer.json().catch(() => ({}))
  return { status: answer.status, code: body.code, body }
}

async function keys(page, demo) {
  await securityPage(page, demo)
  await page.reload()
  await page.getByRole("button", { name: "Make a key" }).click()
  const dialog = page.getByRole("dialog", { name: "Make an API key" })
  await dialog.getByLabel("What it is for").fill("Household sheet")
  await dialog.getByLabel("It works for").selectOption("30 days")
  await dialog.getByRole("button", { name: "Make the key" }).click()
  const proof = page.getByRole("dialog", { name: "Is it you?" })
  await proof.getByRole("button", { name: "Use a passkey" }).click()
  const shown = page.getByTestId("api-key")
  const key = (await shown.innerText()).trim()
  assert.match(key, /^flint_key_[\w-]{43}$/)
  assert.deepEqual(await axe(page), [])
  await dialog.getByRole("button", { name: "I’ve kept it" }).click()
  await shown.waitFor({ state: "detached" })

  const read = await asProgram(demo, key, "/api/dashboard")
  assert.equal(read.status, 200)
  assert.ok("totalBalance" in read.body)
  assert.equal((await asProgram(demo, key, "/api/auth/sessions")).code, "key_scope")
  await page.reload()
  await page
    .getByRole("list", { name: "API keys" })
    .getByText(/used just now from/)
    .waitFor()
  await page.getByRole("button", { name: "Revoke Household sheet" }).click()
  const sure = page.getByRole("alertdialog", { name: "Revoke “Household sheet”?" })
  const gone = page.waitForResponse((r) => r.request().method() === "DELETE")
  await sure.getByRole("button", { name: "Revoke the key" }).click()
  assert.equal((await gone).status(), 204)
  assert.equal((await asProgram(demo, key, "/api/dashboard")).status, 401)
  await page.getByText("No API keys").waitFor()
}

/** New backup codes make the phone's proof worthless in its turn. */
async function renewCodes(page) {
  await page.getByRole("button", { name: "Make new ones" }).click()
  await page.getByRole("alertdialog").getByRole("button", { name: "Make new ones" }).click()
  const shown = page.getByRole("dialog", { name: "Your backup codes" })
  await shown.getByRole("button", { name: "I’ve kept them" }).click()
}

/** The app's code is the fresh proof; the link in the new mailbox makes the change. */
async function changeAddress(page, demo, { to, app }) {
  await page.reload()
  await page.getByRole("button", { name: "Change your e-mail address" }).click()
  const dialog = page.getByRole("dialog", { name: "Change your e-mail address" })
  await dialog.getByLabel("New e-mail address").fill(to)
  await dialog.getByRole("button", { name: "Send the mail" }).click()
  const proof = page.getByRole("dialog", { name: "Is it you?" })
  await proof.getByRole("button", { name: "Use the authenticator app" }).click()
  await proof.getByLabel("Code of your authenticator app").fill(await app())
  await proof.getByRole("button", { name: "Confirm" }).click()
  await dialog.getByText("A mail is on its way").waitFor()
  assert.deepEqual(await axe(page), [])
  await dialog.getByRole("button", { name: "Done" }).click()
  await page.goto(await mailed(demo, to, "/verify-email-change"))
  await page.getByRole("heading", { name: "Your e-mail is changed" }).waitFor()
  await page.getByRole("link", { name: "Go to your settings" }).click()
  await page.getByText(to, { exact: true }).waitFor()
}

/** From the old mailbox: everybody is out at once, and the old password with them. */
async function undoAddress(laptop, phone, demo, from) {
  await laptop.getByRole("heading", { name: "Security", level: 1 }).waitFor()
  await phone.goto(await mailed(demo, from, "/undo-email-change"))
  await phone.getByRole("button", { name: "Undo the change" }).click()
  await phone.getByRole("heading", { name: "The change is undone" }).waitFor()
  await laptop.waitForURL(/\/signin/)
  await phone.getByRole("link", { name: "Choose a new password" }).click()
  await phone.getByLabel("E-mail").fill(from)
  await phone.getByRole("button", { name: "Send me a link" }).click()
  await phone.getByRole("status").getByText(/./).waitFor()
  await phone.goto(await mailed(demo, from, "/reset"))
  const chosen = phone.getByLabel("New password")
  await chosen.fill("sam and sam")
  await phone
    .getByText(/easy to guess|guess|name or address/i)
    .first()
    .waitFor()
  await chosen.fill(second)
  await phone.getByRole("button", { name: "Change my password" }).click()
  await phone.getByRole("heading", { name: "That’s done" }).waitFor()
  await signInWith(phone, demo, from, second)
  await phone.waitForURL(`${demo.url}/`) // second steps of the last day might be the thief's, and are gone
  await securityPage(phone, demo)
  await phone.getByText(from, { exact: true }).waitFor()
  await phone.getByRole("button", { name: "Set up" }).waitFor()
}
