// Securing an account: an authenticator app and its backup codes, fresh proofs, devices that
// are signed out from afar, and a forgotten password that leaves the second step in place.
import assert from "node:assert/strict"
import jsQR from "jsqr"
import { PNG } from "pngjs"
import { axe, open } from "./browser.mjs"
import { control } from "./flint.mjs"
import { settled } from "./looks.mjs"
import { authenticator } from "./totp.mjs"

const first = "a quiet lantern over seven hills"
const second = "nine slow otters crossing the marsh"

/** @param {import("playwright-core").Browser} browser @param {import("./flint.mjs").Demo} demo */
export async function securing(browser, demo) {
  const email = `careful-${Date.now()}@example.com`
  const laptop = await open(browser, { allowed: [demo.url] })
  const phone = await open(browser, { allowed: [demo.url], width: 360, height: 780 })
  try {
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
    for (const { complaints } of [laptop, phone]) assert.deepEqual(unexpected(complaints), [])
  } catch (error) {
    const shot = process.env.FLINT_JOURNEY_SHOT ?? "/tmp/flint-journey-failed.png"
    await laptop.page.screenshot({ path: shot, fullPage: true }).catch(() => undefined)
    await phone.page
      .screenshot({ path: shot.replace(".png", "-phone.png"), fullPage: true })
      .catch(() => undefined)
    error.message += `\n  at ${laptop.page.url()} and ${phone.page.url()} (picture: ${shot})\n  ${[...laptop.complaints, ...phone.complaints].join("\n  ")}`
    throw error
  } finally {
    await laptop.context.close()
    await phone.context.close()
  }
}

/** Chromium reports each refusal that the journey asks for as an error: codes, proofs, ended sessions. */
function unexpected(complaints) {
  return complaints.filter((c) => !/status of (401|403|422|429)/.test(c))
}

/** The newest link to `path` in a mail to `to`. */
async function mailed(demo, to, path) {
  for (let tries = 0; tries < 40; tries++) {
    const inbox = await control(demo, `inbox?to=${encodeURIComponent(to)}&wait=5`)
    const links = JSON.stringify(inbox).match(new RegExp(`${demo.url}${path}#[A-Za-z0-9_.-]+`, "g"))
    if (links) return links.at(-1)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  throw new Error(`no mail with ${path} came to ${to}`)
}

async function register(page, demo, email) {
  await page.goto(`${demo.url}/signup`)
  await page.getByLabel("First name").fill("Kim")
  await page.getByLabel("E-mail").fill(email)
  await page.getByLabel("Password").fill(first)
  await page.getByRole("button", { name: "Create account" }).click()
  await page.getByRole("heading", { name: "Look in your inbox" }).waitFor()
  await page.goto(await mailed(demo, email, "/verify"))
  await page.getByRole("heading", { name: "Your e-mail is confirmed" }).waitFor()
}

/** By the form. */
async function signInWith(page, demo, email, password) {
  await page.goto(`${demo.url}/signin`)
  await page.getByLabel("E-mail").fill(email)
  await page.getByLabel("Password").fill(password)
  await pressPatiently(page, "Sign in", "/api/auth/login")
}

/** All journeys sign in from one address, so a press may have to wait its turn. */
async function pressPatiently(page, name, path) {
  for (;;) {
    const answered = page.waitForResponse((r) => r.url().endsWith(path))
    await page.getByRole("button", { name, exact: true }).click()
    const answer = await answered
    if (answer.status() !== 429) return
    await page.getByRole("alert").waitFor()
    await page.waitForTimeout(1000 * Number(answer.headers()["retry-after"] ?? 1))
  }
}

async function signInByMail(page, demo, email) {
  await page.goto(`${demo.url}/signin`)
  await page.getByRole("link", { name: "Mail me a link" }).click()
  await page.getByLabel("E-mail").fill(email)
  await page.getByRole("button", { name: "Send me a link" }).click()
  await page.getByRole("status").waitFor()
  await page.goto(await mailed(demo, email, "/signin/link"))
  await page.waitForURL(`${demo.url}/`)
}

async function securityPage(page, demo) {
  if (!page.url().startsWith(`${demo.url}/settings`)) {
    await page.getByRole("button", { name: "Your account" }).locator("visible=true").click()
    await page.getByRole("menuitem", { name: "Security" }).click()
  }
  await page.getByRole("heading", { name: "Security", level: 1 }).waitFor()
  await settled(page)
}

/** Reads a QR code as a camera would: from what is on the screen. */
async function readQR(picture) {
  const screen = PNG.sync.read(await picture.screenshot())
  const code = jsQR(new Uint8ClampedArray(screen.data), screen.width, screen.height)
  assert.ok(code, "a camera can read the QR code")
  return code.data
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

  const setup = page.getByRole("dialog", { name: "Set up an authenticator app" })
  const picture = setup.getByRole("img", { name: /QR code/ })
  assert.ok(await picture.evaluate((img) => img.decode().then(() => img.naturalWidth > 0)))
  const uri = await readQR(picture)
  assert.equal(await setup.getByRole("link", { name: "open it in the app" }).getAttribute("href"), uri)
  const shown = (await setup.locator("code").innerText()).replace(/\s/g, "")
  assert.equal(new URL(uri).searchParams.get("secret"), shown)
  const app = authenticator(uri)
  await setup.getByLabel("The code that it shows now").fill("000000")
  await setup.getByRole("button", { name: "Switch on" }).click()
  await setup.getByText("That isn’t the code that the app shows now.").waitFor()
  await setup.getByLabel("The code that it shows now").fill(await app())
  await setup.getByRole("button", { name: "Switch on" }).click()
  await setup.getByRole("button", { name: "I’ve kept them" }).waitFor()
  const codes = await setup.getByRole("list", { name: "Backup codes" }).getByRole("listitem").allInnerTexts()
  assert.equal(new Set(codes).size, 10)
  assert.deepEqual(await axe(page), [])
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    setup.getByRole("link", { name: "Download" }).click(),
  ])
  assert.equal(file.suggestedFilename(), "flint-backup-codes.txt")
  await setup.getByRole("button", { name: "I’ve kept them" }).click()
  await page.getByText("10 of 10 left").waitFor()
  return { app, codes }
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

async function signOut(page, demo) {
  await page.getByRole("button", { name: "Your account" }).locator("visible=true").click()
  await page.getByRole("menuitem", { name: "Sign out" }).click()
  await page.waitForURL(`${demo.url}/signin`, { waitUntil: "commit" })
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
  const device = await context.newCDPSession(page)
  await device.send("WebAuthn.enable")
  await device.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
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
  // A virtual authenticator takes the quiet offer by itself; here a person presses the button.
  await page.addInitScript(() => {
    globalThis.PublicKeyCredential.isConditionalMediationAvailable = async () => false
  })
  await signOut(page, demo)
  await pressPatiently(page, "Sign in with a passkey", "/api/auth/passkeys/sign-in")
  await page.waitForURL(`${demo.url}/`)
  await device.detach()
}

async function logTells(page, demo) {
  await securityPage(page, demo)
  await page.getByText("8 of 10 left").waitFor()
  const log = page.getByRole("list", { name: "Security log" })
  const before = await log.getByRole("listitem").count()
  await page.getByRole("button", { name: "Show earlier" }).click()
  await log.getByRole("listitem").nth(before).waitFor()
}
