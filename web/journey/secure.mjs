// Securing an account: an authenticator app and its backup codes, fresh proofs, devices that
// are signed out from afar, and a forgotten password that leaves the second step in place.
import assert from "node:assert/strict"
import { axe } from "./browser.mjs"
import {
  enrolApp,
  first,
  mailed,
  pressPatiently,
  register,
  second,
  securityPage,
  signInByMail,
  signInWith,
  signOut,
  virtualAuthenticator,
  withTwo,
} from "./parts.mjs"

/** @param {import("playwright-core").Browser} browser @param {import("./flint.mjs").Demo} demo */
export function securing(browser, demo) {
  const email = `careful-${Date.now()}@example.com`
  return withTwo(browser, demo, async (laptop, phone) => {
    await register(laptop.page, demo, email)
    await signInWith(laptop.page, demo, email, first)
    await laptop.page.waitForURL(`${demo.url}/`)
    await signInByMail(phone.page, demo, email)
    const { app, codes } = await enrol(phone.page, demo)
    const fresh = await renewCodes(laptop.page, demo, app)
    assert.equal(fresh.filter((c) => codes.includes(c)).length, 0, "new backup codes are new")
    await endOther(laptop.page, phone.page, demo)
    await signOut(laptop.page, demo)
    await twoSteps(laptop.page, demo, email, app)
    await signOut(laptop.page, demo)
    await byBackupCode(laptop.page, demo, email, first, fresh[0])
    await signOut(laptop.page, demo)
    await forgets(laptop.page, demo, email)
    await byBackupCode(laptop.page, demo, email, second, fresh[1])
    await logTells(laptop.page, demo)
    await passkey(laptop, demo, app)
  })
}

/** On a phone that came in by a mailed link, which is no fresh proof: the password is asked for. */
async function enrol(page, demo) {
  await page.getByRole("link", { name: "Set it up" }).click()
  await securityPage(page, demo)
  await page.getByRole("button", { name: "Set up" }).click()
  const proof = page.getByRole("dialog", { name: "Is it you?" })
  await proof.getByLabel("Your password").fill("not my password at all")
  await proof.getByRole("button", { name: "Confirm" }).click()
  await proof.getByRole("alert").waitFor()
  await proof.getByLabel("Your password").fill(first)
  await proof.getByRole("button", { name: "Confirm" }).click()

  return enrolApp(page)
}

/** The laptop's own proof counts no more since the factors changed: a code is asked for. */
async function renewCodes(page, demo, app) {
  await securityPage(page, demo)
  await page.reload()
  await page.getByRole("button", { name: "Make new ones" }).click()
  await page.getByRole("alertdialog").getByRole("button", { name: "Make new ones" }).click()
  const proof = page.getByRole("dialog", { name: "Is it you?" })
  await proof.getByLabel("Code of your authenticator app").fill(await app())
  await proof.getByRole("button", { name: "Confirm" }).click()
  const shown = page.getByRole("dialog", { name: "Your backup codes" })
  await shown.getByRole("button", { name: "I’ve kept them" }).waitFor()
  const codes = await shown.getByRole("list").getByRole("listitem").allInnerTexts()
  await shown.getByRole("button", { name: "I’ve kept them" }).click()
  return codes
}

/** The phone's page, which nobody touches, is at the sign-in page within a second. */
async function endOther(laptop, phone, demo) {
  await phone.getByRole("heading", { name: "Security", level: 1 }).waitFor()
  const answered = laptop.waitForResponse((r) => r.request().method() === "DELETE")
  await laptop.getByRole("button", { name: /^Sign out Chrome/ }).click()
  assert.equal((await answered).status(), 200)
  const from = Date.now()
  const refused = phone.waitForResponse((r) => r.status() === 401 && r.url().startsWith(demo.url))
  await refused
  const took = Date.now() - from
  await phone.waitForURL(/\/signin/)
  assert.ok(took < 1500, `signed out elsewhere after ${took} ms`)
  console.log(`  an open page learns after ${took} ms that its device was signed out`)
  await laptop.getByText("That device is signed out.", { exact: true }).first().waitFor()
}

async function twoSteps(page, demo, email, app) {
  await signInWith(page, demo, email, first)
  const code = page.getByLabel("Six-digit code")
  await code.fill("000000")
  await page.getByRole("button", { name: "Sign in", exact: true }).click()
  await page.getByRole("alert").waitFor()
  assert.deepEqual(await axe(page), [])
  await code.fill(await app())
  await page.keyboard.press("Enter")
  await page.waitForURL(`${demo.url}/`)
}

async function byBackupCode(page, demo, email, password, code) {
  await signInWith(page, demo, email, password)
  await page.getByRole("button", { name: "Use a backup code" }).click()
  await page.getByLabel("Backup code").fill(code)
  await page.getByRole("button", { name: "Sign in", exact: true }).click()
  await page.waitForURL(`${demo.url}/`)
}

async function forgets(page, demo, email) {
  await page.getByRole("link", { name: "Forgot your password?" }).click()
  await page.getByLabel("E-mail").fill(email)
  await page.getByRole("button", { name: "Send me a link" }).click()
  await page.getByRole("status").waitFor()
  await page.goto(await mailed(demo, email, "/reset"))
  await page.getByLabel("New password").fill(second)
  await page.getByRole("button", { name: "Change my password" }).click()
  await page.getByRole("heading", { name: "That’s done" }).waitFor()
}

/** With the browser's own virtual authenticator: added, and then the whole sign-in. */
async function passkey({ context, page }, demo, app) {
  await virtualAuthenticator(context, page)
  await page.getByRole("button", { name: "Add a passkey" }).click()
  const dialog = page.getByRole("dialog", { name: "Add a passkey" })
  await dialog.getByLabel("Its name").fill("Laptop")
  await dialog.getByRole("button", { name: "Continue" }).click()
  // The backup code of this sign-in may do as a proof, else the app does.
  const proof = page.getByRole("dialog", { name: "Is it you?" })
  const added = page.getByRole("list", { name: "Your passkeys" }).getByText("Laptop")
  await proof.or(added).first().waitFor()
  if (await proof.isVisible()) {
    await proof.getByLabel("Code of your authenticator app").fill(await app())
    await proof.getByRole("button", { name: "Confirm" }).click()
  }
  await added.waitFor()
  await signOut(page, demo)
  await pressPatiently(page, "Sign in with a passkey", "/api/auth/passkeys/sign-in")
  await page.waitForURL(`${demo.url}/`)
}

async function logTells(page, demo) {
  await securityPage(page, demo)
  await page.getByText("8 of 10 left").waitFor()
  const log = page.getByRole("list", { name: "Security log" })
  const before = await log.getByRole("listitem").count()
  await page.getByRole("button", { name: "Show earlier" }).click()
  await log.getByRole("listitem").nth(before).waitFor()
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download the log (CSV)" }).click(),
  ])
  assert.equal(file.suggestedFilename(), "flint-security-log.csv")
}
