// What journeys about accounts share: opening one, signing in and out, reading mails, proving
// who one is.
import assert from "node:assert/strict"
import jsQR from "jsqr"
import { PNG } from "pngjs"
import { axe, open } from "./browser.mjs"
import { control } from "./flint.mjs"
import { settled } from "./looks.mjs"
import { authenticator } from "./totp.mjs"

export const first = "a quiet lantern over seven hills"
export const second = "nine slow otters crossing the marsh"

/** Chromium reports each refusal that the journey asks for as an error: codes, proofs, ended sessions. */
export function unexpected(complaints) {
  return complaints.filter((c) => !/status of (401|403|422|429)/.test(c))
}

/** The newest link to `path` in a mail to `to`. */
export async function mailed(demo, to, path) {
  for (let tries = 0; tries < 40; tries++) {
    const inbox = await control(demo, `inbox?to=${encodeURIComponent(to)}&wait=5`)
    const links = JSON.stringify(inbox).match(new RegExp(`${demo.url}${path}#[A-Za-z0-9_.-]+`, "g"))
    if (links) return links.at(-1)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  throw new Error(`no mail with ${path} came to ${to}`)
}

export async function register(page, demo, email) {
  await page.goto(`${demo.url}/signup`)
  await page.getByText(/^By creating an account you accept/).waitFor()
  await page.getByLabel("First name").fill("Kim")
  await page.getByLabel("E-mail").fill(email)
  await page.getByLabel("Password").fill(first)
  await pressPatiently(page, "Create account", "/api/auth/public-register")
  await page.getByRole("heading", { name: "Look in your inbox" }).waitFor()
  await page.goto(await mailed(demo, email, "/verify"))
  await page.getByRole("heading", { name: "Your e-mail is confirmed" }).waitFor()
}

/** By the form. */
export async function signInWith(page, demo, email, password) {
  await page.goto(`${demo.url}/signin`)
  await page.getByLabel("E-mail").fill(email)
  await page.getByLabel("Password").fill(password)
  await pressPatiently(page, "Sign in", "/api/auth/login")
}

/**
 * All journeys sign in from one address, so a press may have to wait its turn. A form that is
 * refused for want of a proof sends itself again.
 */
export async function pressPatiently(page, name, path) {
  for (;;) {
    const answered = page.waitForResponse((r) => r.url().endsWith(path) && r.status() !== 403)
    await page.getByRole("button", { name, exact: true }).click()
    const answer = await answered
    if (answer.status() !== 429) return
    await page.getByRole("alert").waitFor()
    await page.waitForTimeout(1000 * Number(answer.headers()["retry-after"] ?? 1))
  }
}

export async function signInByMail(page, demo, email) {
  await page.goto(`${demo.url}/signin`)
  await page.getByRole("link", { name: "Mail me a link" }).click()
  await page.getByLabel("E-mail").fill(email)
  await page.getByRole("button", { name: "Send me a link" }).click()
  await page.getByRole("status").waitFor()
  await page.goto(await mailed(demo, email, "/signin/link"))
  await page.waitForURL(`${demo.url}/`)
}

export async function securityPage(page, demo) {
  if (!page.url().startsWith(`${demo.url}/settings`)) {
    await page.getByRole("button", { name: "Your account" }).locator("visible=true").click()
    await page.getByRole("menuitem", { name: "Security" }).click()
  }
  await page.getByRole("heading", { name: "Security", level: 1 }).waitFor()
  await settled(page)
}

/** One's own page about privacy, by the menu. */
export async function privacyPage(page, demo) {
  if (!page.url().endsWith("/settings/privacy")) {
    await page.getByRole("button", { name: "Your account" }).locator("visible=true").click()
    await page.getByRole("menuitem", { name: "Privacy" }).click()
    await page.waitForURL(`${demo.url}/settings/privacy`)
  }
  await page.getByRole("heading", { name: "Privacy", level: 1 }).waitFor()
  await settled(page)
}

export async function signOut(page, demo) {
  await page.getByRole("button", { name: "Your account" }).locator("visible=true").click()
  await page.getByRole("menuitem", { name: "Sign out" }).click()
  await page.waitForURL(`${demo.url}/signin`, { waitUntil: "commit" })
}

/** Reads a QR code as a camera would: from what is on the screen. */
export async function readQR(picture) {
  const screen = PNG.sync.read(await picture.screenshot())
  const code = jsQR(new Uint8ClampedArray(screen.data), screen.width, screen.height)
  assert.ok(code, "a camera can read the QR code")
  return code.data
}

/** Sets an authenticator app up by its picture, from the open dialog on. Returns the app and the backup codes. */
export async function enrolApp(page) {
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

/**
 * Gives a window the browser's own virtual authenticator. It would take the quiet offer where an
 * address is typed by itself; here a person presses the button. It lasts until axe looks at the page.
 */
export async function virtualAuthenticator(context, page) {
  await page.addInitScript(() => {
    globalThis.PublicKeyCredential.isConditionalMediationAvailable = async () => false
  })
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
}

/**
 * Runs a journey of one person on two devices, a laptop and a phone. Nothing unexpected may be
 * complained of; a failure is told with a picture of both.
 */
export async function withTwo(browser, demo, journey) {
  const laptop = await open(browser, { allowed: [demo.url] })
  const phone = await open(browser, { allowed: [demo.url], width: 360, height: 780 })
  try {
    await journey(laptop, phone)
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
