// The main job, as a new person does it: open an account, confirm the address, connect a
// bank, a brokerage and an exchange, watch them arrive, find the figures equal to what
// the providers hold, and see a change at the bank reach the open page by itself.
import assert from "node:assert/strict"
import { open } from "./browser.mjs"
import { cents, exact, read } from "./decimal.mjs"
import { control } from "./flint.mjs"

const password = "a quiet lantern over seven hills"

/** @param {import("playwright-core").Browser} browser @param {import("./flint.mjs").Demo} demo */
export async function newcomer(browser, demo) {
  const person = { email: `newcomer-${Date.now()}@example.com`, name: "Robin" }
  const { context, page, complaints } = await open(browser, { allowed: [demo.url, demo.sandbox] })
  try {
    await register(page, demo, person)
    refusals(complaints)
    await confirm(context, page, demo, person)
    await firstDashboard(page, demo)
    const before = await holdings(demo)
    await connectBank(page, demo)
    await connectPortal(page, demo, "Brokerage", "Schwab", person)
    await connectPortal(page, demo, "Crypto exchange", "Coinbase", person)
    await figuresAgree(page, demo, before)
    await changesLive(page, demo, before)
    assert.deepEqual(complaints, [])
    await signsOut(page, demo)
    refusals(complaints)
    assert.deepEqual(complaints, [])
  } catch (error) {
    const shot = process.env.FLINT_JOURNEY_SHOT ?? "/tmp/flint-journey-failed.png"
    await page.screenshot({ path: shot, fullPage: true }).catch(() => undefined)
    error.message += `\n  at ${page.url()} (picture: ${shot})\n  ${complaints.join("\n  ")}`
    throw error
  } finally {
    await context.close()
  }
}

/** Forgets that a page opened by nobody was refused its figures, which Chromium reports as errors. */
function refusals(complaints) {
  const others = complaints.filter((c) => !c.includes("status of 401"))
  complaints.splice(0, complaints.length, ...others)
}

async function register(page, demo, person) {
  await page.goto(`${demo.url}/`)
  await page.waitForURL(/\/signin/) // nobody is signed in yet
  await page.getByRole("link", { name: "Create an account" }).click()
  await page.getByLabel("First name").fill(person.name)
  await page.getByLabel("E-mail").fill(person.email)
  await page.getByLabel("Password").fill(password)
  await page.getByRole("button", { name: "Create account" }).click()
  await page.getByRole("heading", { name: "Look in your inbox" }).waitFor()
}

/** Through the demo's inbox page, by the link in the mail. */
async function confirm(context, page, demo, person) {
  await control(demo, `inbox?to=${encodeURIComponent(person.email)}&wait=20`)
  const [inbox] = await Promise.all([
    context.waitForEvent("page"),
    page.getByRole("link", { name: /inbox/ }).first().click(),
  ])
  await inbox
    .getByRole("link", { name: new RegExp(person.email.replace(/[+.]/g, "\\$&")) })
    .first()
    .click()
  const link = inbox.locator(`a[href^="${demo.url}/verify"]`).first()
  const [verify] = await Promise.all([context.waitForEvent("page"), link.click()])
  await verify.getByRole("heading", { name: "Your e-mail is confirmed" }).waitFor()
  assert.equal(new URL(verify.url()).hash, "", "the token stays out of the address bar")
  await verify.close()
  await inbox.close()

  await page.goto(`${demo.url}/signin?next=${encodeURIComponent("/accounts")}`)
  await page.getByLabel("E-mail").fill(person.email)
  await page.getByLabel("Password").fill(password)
  await page.getByRole("button", { name: "Sign in", exact: true }).click()
  await page.waitForURL(`${demo.url}/accounts`)
}

async function firstDashboard(page, demo) {
  await page.goto(demo.url)
  await page.getByText("Your net worth will stand here").waitFor()
  await page.getByRole("heading", { name: "First steps" }).waitFor()
}

async function connectBank(page, demo) {
  await page.getByRole("main").getByRole("link", { name: "Connect an account" }).click()
  await page.waitForURL(`${demo.url}/connect`)
  await page.getByRole("button", { name: /^Bank or card/ }).click()
  await page.getByRole("button", { name: "Continue with Teller" }).click()
  const widget = page.frameLocator('iframe[title="Connect your bank"]')
  await widget.locator("#banks button").first().click()
  await widget.getByLabel("User name").fill("username")
  await widget.getByLabel("Password").fill("password")
  await widget.getByRole("button", { name: "Continue" }).click()
  await firstSync(page)
}

async function connectPortal(page, demo, goal, institution, person) {
  await page.goto(`${demo.url}/connect`)
  await page.getByRole("button", { name: new RegExp(`^${goal}`) }).click()
  await page.getByRole("button", { name: "Continue with SnapTrade" }).click()
  await page.waitForURL((url) => url.origin === new URL(demo.sandbox).origin)
  await page.getByLabel("Search").fill(institution)
  await page.locator("[data-list] a").filter({ hasText: institution, visible: true }).click()
  await page.getByLabel("User name").fill(person.name)
  await page.getByLabel("Password").fill("anything")
  await page.getByRole("button", { name: "Continue" }).click()
  await page.getByRole("button", { name: "Connect" }).click()
  await page.locator(`a.button, ol[data-phase]`).first().waitFor()
  const back = page.locator("a.button")
  if (new URL(page.url()).origin !== demo.url && (await back.count()) > 0) await back.click()
  await firstSync(page)
}

/** Watches the real counts of the first sync until it is over. */
async function firstSync(page) {
  await page.waitForURL(/\/connections\/[^/]+\/first-sync$/)
  const steps = page.getByRole("list", { name: "First sync" })
  await steps.waitFor()
  await page.locator('ol[data-phase="done"]').waitFor({ timeout: 60_000 })
  assert.match(await steps.innerText(), /\d+ accounts?/)
  await page.getByRole("heading", { name: /is connected$/ }).waitFor()
  await page.getByRole("heading", { name: "Found" }).waitFor()
}

/** What the providers hold now, by connection; Teller's signs turned to Flint's. */
async function holdings(demo) {
  const { teller } = await control(demo, "state")
  const { users } = await control(demo, "snaptrade/truth")
  const banks = teller.enrollments.map((e) => ({
    id: e.id,
    accounts: e.accounts
      .filter((a) => a.status === "open")
      .map((a) => ({
        id: a.id,
        mask: a.lastFour,
        name: a.name,
        currency: a.currency,
        value: a.type === "credit" ? -exact(a.ledger) : exact(a.ledger),
      })),
  }))
  const brokers = users.flatMap((u) =>
    u.connections.map((c) => ({
      id: c.id,
      accounts: c.accounts.map((a) => ({
        id: a.id,
        name: a.name,
        currency: a.currency,
        foreign:
          a.cash.some((x) => x.currency !== a.currency) || a.positions.some((x) => x.currency !== a.currency),
        value: exact(a.total),
      })),
    })),
  )
  return [...banks, ...brokers]
}

/** The accounts that this person connected: those of connections that weren't there before. */
async function mine(demo, before) {
  const known = new Set(before.map((c) => c.id))
  const now = (await holdings(demo)).filter((c) => !known.has(c.id))
  assert.equal(now.length, 3, "three connections are new at the providers")
  return now.flatMap((c) => c.accounts)
}

/** Each account on the page shows what its provider holds, and the headline is their sum. */
async function figuresAgree(page, demo, before) {
  const truth = await mine(demo, before)
  await page.goto(`${demo.url}/accounts`)
  await page.getByRole("main").getByRole("list").first().waitFor()
  const rows = await page.getByRole("main").locator('a[href^="/accounts/"]').allInnerTexts()
  const shown = rows
    .map((r) => read(r.split("\n").findLast((l) => /[$€£—]/.test(l) && !l.includes("≈")) ?? ""))
    .sort()
  assert.deepEqual(shown, truth.map((a) => cents(a.value)).sort())

  const sum = truth.reduce((total, a) => total + exact(cents(a.value)), 0n)
  await page.goto(demo.url)
  assert.equal(read(await page.getByTestId("net-worth").innerText()), cents(sum))
}

/** A purchase at the bank: its webhook reaches the open page, with nobody touching it. */
async function changesLive(page, demo, before) {
  const known = new Set(before.map((c) => c.id))
  const { enrollments } = await control(demo, "teller/enrollments")
  const bank = enrollments.find((e) => !known.has(e.id))
  const checking = bank.accounts.find((a) => a.type === "depository" && a.status === "open")
  const was = await page.getByTestId("net-worth").innerText()
  await page.evaluate(() => {
    globalThis.sameDocument = true
  })
  await control(demo, `teller/${bank.id}/transactions`, {
    account: checking.id,
    amount: "-7.25",
    description: "BLUE BOTTLE COFFEE PORTLAND OR",
    counterparty: "BLUE BOTTLE COFFEE",
    category: "dining",
  })
  await page.waitForFunction(
    (old) => document.querySelector("[data-testid=net-worth]")?.textContent !== old,
    was.replaceAll("\n", ""),
    { timeout: 60_000 },
  )
  const sum = (await mine(demo, before)).reduce((total, a) => total + exact(cents(a.value)), 0n)
  await page.waitForFunction(
    (wanted) =>
      document
        .querySelector("[data-testid=net-worth]")
        ?.textContent?.replace(/[−]/g, "-")
        .replace(/[^0-9.-]/g, "") === wanted,
    cents(sum),
  )
  assert.equal(exact(read(was)) - sum, exact("7.25"))
  await page
    .getByText(/Blue Bottle/i)
    .first()
    .waitFor()
  assert.equal(await page.evaluate(() => globalThis.sameDocument), true, "the page wasn't loaded anew")
}

async function signsOut(page, demo) {
  await page.getByRole("button", { name: "Your account" }).first().click()
  await page.getByRole("menuitem", { name: "Sign out" }).click()
  await page.waitForURL(`${demo.url}/signin`)
  await page.goto(`${demo.url}/transactions`)
  await page.waitForURL(/\/signin\?next=/)
}
