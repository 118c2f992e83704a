// What people do about their own data: open an account where every form wants a proof, check an
// entry of the log, take a copy away, and end the account, or not.
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { axe, overflows } from "./browser.mjs"
import { first, privacyPage, register, securityPage, signInByMail, signInWith, withTwo } from "./parts.mjs"

/** @param {import("playwright-core").Browser} browser @param {import("./flint.mjs").Demo} demo */
export function owning(browser, demo) {
  const email = `owner-${Date.now()}@example.com`
  return withTwo(browser, demo, async (laptop, phone) => {
    await readsTheTerms(phone.page, demo)
    const forms = [laptop, phone].map(({ page }) => watch(page))
    await register(laptop.page, demo, email)
    await refusesPrograms(demo, email)
    await signInWith(laptop.page, demo, email, first)
    await laptop.page.waitForURL(`${demo.url}/`)
    await signInByMail(phone.page, demo, email)
    const [here, there] = forms
    assert.deepEqual(here, { proofs: 2, answers: ["public-register 201", "login 200"] })
    assert.deepEqual(there, { proofs: 1, answers: ["magic-link 200"] })

    await provesAnEntry(laptop.page, demo)
    await takesACopy(phone.page, demo)
    await accepts(phone.page)
    await endsAndStays(laptop.page, phone.page, demo)
  })
}

/** Signed out, as the form's links lead there. */
async function readsTheTerms(page, demo) {
  await page.goto(`${demo.url}/signup`)
  const [text] = await Promise.all([
    page.context().waitForEvent("page"),
    page.getByRole("link", { name: /^terms of use/ }).click(),
  ])
  await text.getByRole("heading", { name: "What you may expect", level: 2 }).waitFor()
  assert.deepEqual(await axe(text), [])
  assert.ok(!(await overflows(text)), "the terms are wider than a phone")
  await text.getByRole("link", { name: "Privacy notice" }).click()
  await text.getByRole("heading", { name: "Privacy notice", level: 1 }).waitFor()
  await text.close()
}

/** Counts the proofs that a page works for, and notes what became of its forms. */
function watch(page) {
  const seen = { proofs: 0, answers: [] }
  page.on("worker", (w) => {
    if (w.url().includes("pow.worker")) seen.proofs++
  })
  page.on("response", (r) => {
    const form = /\/api\/auth\/(login|magic-link|public-register)$/.exec(r.url())?.[1]
    if (form && r.status() !== 429) seen.answers.push(`${form} ${r.status()}`)
  })
  return seen
}

/** The right password isn't enough for who sends no proof. */
async function refusesPrograms(demo, email) {
  const answer = await fetch(`${demo.url}/api/auth/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Origin: demo.url },
    body: JSON.stringify({ email, password: first }),
  })
  assert.equal(answer.status, 403)
  assert.equal((await answer.json()).code, "challenge_required")
}

/** In the browser, from the entry's bytes to the signed root. */
async function provesAnEntry(page, demo) {
  await securityPage(page, demo)
  await page.getByRole("button", { name: "Check the proof: Signed in", exact: true }).first().click()
  await page.getByRole("button", { name: "Proven: Signed in. How?", exact: true }).first().click()
  const dialog = page.getByRole("dialog", { name: "This entry is in the log" })
  await dialog.getByText(/^number \d+ of \d+$/).waitFor()
  await dialog.getByRole("button", { name: "Show the signed state" }).click()
  await dialog.getByText(/\/audit/).waitFor()
  assert.deepEqual(await axe(page), [])
  await page.keyboard.press("Escape")
}

/** On a phone that came in by a mailed link, so that the copy takes the password. */
async function takesACopy(page, demo) {
  await privacyPage(page, demo)
  await page.getByRole("button", { name: "Make a copy" }).click()
  const proof = page.getByRole("dialog", { name: "Is it you?" })
  await proof.getByLabel("Your password").fill(first)
  await proof.getByRole("button", { name: "Confirm" }).click()
  const copies = page.getByRole("list", { name: "Copies of my data" })
  await copies.getByText("ready", { exact: true }).waitFor()
  assert.deepEqual(await axe(page), [])
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    copies.getByRole("button", { name: /^Download/ }).click(),
  ])
  assert.equal(file.suggestedFilename(), "flint-data.zip")
  const names = namesIn(readFileSync(await file.path()))
  for (const name of ["README.txt", "accounts.json", "accounts.csv", "transactions.json", "sessions.csv"].map(
    (n) => `flint/${n}`,
  ))
    assert.ok(names.includes(name), `the copy has no ${name}: ${names}`)
}

/** Who signed up accepted what is required, and is asked for nothing; another text is read and accepted. */
async function accepts(page) {
  const texts = page.getByRole("list", { name: "What I agreed to" })
  const accepted = texts.getByText("accepted", { exact: true })
  for (const title of ["Terms of use", "Privacy notice", "What Flint is not"])
    await texts.getByRole("button", { name: `Read ${title}`, exact: true }).waitFor()
  assert.equal(await accepted.count(), 3)
  assert.equal(await page.getByRole("link", { name: "Read and accept" }).count(), 0)
  await texts.getByRole("button", { name: "Read and accept About orders" }).click()
  const dialog = page.getByRole("dialog", { name: "About orders" })
  await dialog.getByRole("button", { name: "Accept" }).click({ trial: true })
  assert.deepEqual(await axe(page), [])
  await dialog.getByRole("button", { name: "Accept" }).click()
  await texts.getByRole("button", { name: "Read About orders", exact: true }).waitFor()
}

/** The names of a zip's files, by its directory at the end. @param {Buffer} zip */
function namesIn(zip) {
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"))
  assert.ok(end > 0, "the copy is no zip")
  const names = []
  for (let at = zip.readUInt32LE(end + 16), n = zip.readUInt16LE(end + 10); n > 0; n--) {
    const [name, extra, comment] = [28, 30, 32].map((o) => zip.readUInt16LE(at + o))
    names.push(zip.toString("utf8", at + 46, at + 46 + name))
    at += 46 + name + extra + comment
  }
  return names
}

/** Asked for on one device, said above every page on the other, and undone there. */
async function endsAndStays(laptop, phone, demo) {
  await privacyPage(laptop, demo)
  await laptop.getByRole("button", { name: "Delete my account …" }).click()
  const dialog = laptop.getByRole("dialog", { name: "Delete my account" })
  await dialog.getByText(/The log proves what happened/).waitFor()
  assert.deepEqual(await axe(laptop), [])
  await dialog.getByRole("button", { name: "Delete it in 14 days" }).click()
  const said = /^Your account will be deleted in 14 days/
  await laptop.getByRole("region", { name: "Notices" }).getByText(said).waitFor()

  await phone.goto(`${demo.url}/accounts`)
  const notices = phone.getByRole("region", { name: "Notices" })
  await notices.getByText(said).waitFor()
  assert.deepEqual(await axe(phone), [])
  await notices.getByRole("button", { name: "Keep my account" }).click()
  await notices.getByText(said).waitFor({ state: "detached" })
  await laptop.reload()
  await laptop.getByRole("button", { name: "Delete my account …" }).waitFor()
}
