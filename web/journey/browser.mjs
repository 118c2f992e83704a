// Chromium for journeys, with the checks that hold on every page: a clean console, no
// violation of the content security policy, and no request to a stranger.
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"

const axeSource = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8")

/** Where a browser is: $CHROMIUM, else the usual places. */
export function chromiumPath() {
  const places = [
    process.env.CHROMIUM,
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  ]
  const found = places.find((p) => p && existsSync(p))
  if (!found) throw new Error("no Chromium was found: install one, or set CHROMIUM to its path")
  return found
}

export function launch() {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
    ],
  })
}

/**
 * A fresh window with its complaints gathered. `allowed` are the origins that its pages
 * may ask; anything else is a complaint.
 * @param {import("playwright-core").Browser} browser
 * @param {{ allowed: string[], width?: number, height?: number, theme?: "light"|"dark", storageState?: any, scale?: number }} o
 */
export async function open(browser, o) {
  const context = await browser.newContext({
    viewport: { width: o.width ?? 1280, height: o.height ?? 860 },
    deviceScaleFactor: o.scale ?? 1,
    colorScheme: o.theme ?? "light",
    reducedMotion: "reduce",
    locale: "en-US",
    storageState: o.storageState,
  })
  context.setDefaultTimeout(30_000)
  const complaints = []
  const origins = new Set(o.allowed.map((a) => new URL(a).origin))
  await context.exposeFunction("flintViolation", (text) => complaints.push(`policy: ${text}`))
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) => {
      globalThis.flintViolation(
        `${e.effectiveDirective} blocked ${e.blockedURI} ${e.sample} at ${location.pathname}`,
      )
    })
  })
  context.on("console", (m) => {
    if (m.type() === "error" || m.type() === "warning")
      complaints.push(`console ${m.type()}: ${m.text()} (${m.location().url})`)
  })
  context.on("weberror", (e) => complaints.push(`uncaught: ${e.error().message}`))
  context.on("request", (r) => {
    const url = new URL(r.url())
    if (url.protocol.startsWith("http") && !origins.has(url.origin)) complaints.push(`stranger: ${r.url()}`)
  })
  const page = await context.newPage()
  return { context, page, complaints }
}

/** Signs a person in by the form and returns what a later window needs to be signed in too. */
export async function signIn(page, url, email, password) {
  await page.goto(`${url}/signin`)
  await page.getByLabel("E-mail").fill(email)
  await page.getByLabel("Password").fill(password)
  await page.getByRole("button", { name: "Sign in", exact: true }).click()
  await page.waitForURL(`${url}/`)
  return page.context().storageState()
}

/** Accessibility violations of the page as lines; none is what we want. */
export async function axe(page) {
  // Through the debugger, not as a script of the page: the page's policy stays as it is.
  const session = await page.context().newCDPSession(page)
  await session.send("Runtime.evaluate", { expression: axeSource })
  const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
    expression: `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }).then((r) =>
      JSON.stringify(r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target.join(" ") + " | " + n.failureSummary.split("\\n").slice(1).join(" ")))))`,
    awaitPromise: true,
    returnByValue: true,
  })
  await session.detach()
  if (exceptionDetails)
    throw new Error(`axe: ${exceptionDetails.text} ${exceptionDetails.exception?.description ?? ""}`)
  return JSON.parse(result.value)
}

/** Whether the page is wider than its window, which nobody should have to scroll. */
export function overflows(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
}
