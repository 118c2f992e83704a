// The door as a real browser meets it: nothing of our own pages is refused, and nothing that
// a page of another origin makes the browser do succeeds.
import assert from "node:assert/strict"
import { createServer } from "node:http"
import { open, signIn } from "./browser.mjs"

/** A page of somebody else, on another port of this machine: a neighbour, the nearest that a stranger gets. */
async function strangersSite() {
  const server = createServer((_req, res) => {
    res.setHeader("Content-Type", "text/html")
    res.end("<!doctype html><title>Elsewhere</title><p>Win a prize")
  })
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)))
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address())
  // By name it is the same site as Flint on localhost, by number another one.
  return {
    neighbour: `http://localhost:${port}`,
    foreign: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

/** @param {import("playwright-core").Browser} browser @param {import("./flint.mjs").Demo} demo */
export async function theDoor(browser, demo) {
  const site = await strangersSite()
  const { context, page, complaints } = await open(browser, {
    allowed: [demo.url, site.neighbour, site.foreign],
  })
  const tooOften = (c) => c.includes("status of 429") // the journey is faster than people are
  const refusals = []
  context.on("response", async (r) => {
    if (r.status() === 403 && r.headers()["content-type"]?.includes("problem"))
      refusals.push(
        `${r.request().method()} ${new URL(r.url()).pathname} ${(await r.json().catch(() => ({}))).code}`,
      )
  })
  try {
    await signIn(page, demo.url, demo.email, demo.password)
    await ownPages(page, demo)
    assert.deepEqual(refusals, [], "nothing of our own pages is refused")
    assert.deepEqual(
      complaints.filter((c) => !tooOften(c)),
      [],
      "nor does anything break a policy",
    )
    for (const from of [site.neighbour, site.foreign]) await othersPages(page, demo, from)
    await signsOut(page, demo)
  } finally {
    await context.close()
    await site.close()
  }
}

/** What pages of Flint do: change something, reload, go back, renew the session, fetch a file. */
async function ownPages(page, demo) {
  const own = (method, path, body) =>
    page.evaluate(
      async ([method, path, body]) => {
        const r = await fetch(path, {
          method,
          headers: body === undefined ? {} : { "Content-Type": "application/json" },
          body: body === undefined ? undefined : JSON.stringify(body),
        })
        return r.status
      },
      [method, path, body],
    )
  const account = (await page.evaluate(() => fetch("/api/accounts").then((r) => r.json()))).accounts[0]
  assert.equal(await own("PATCH", `/api/accounts/${account.id}`, { nickname: "Rainy days" }), 200)
  await page.reload()
  await page.waitForLoadState("networkidle").catch(() => undefined) // the live stream never idles
  assert.equal(await own("POST", "/api/auth/refresh"), 200)
  await page.goto(`${demo.url}/settings/security`)
  await page.goBack()
  assert.equal(await own("PATCH", `/api/accounts/${account.id}`, { nickname: account.nickname ?? "" }), 200)
  // Typed into the address bar, and opened from a link in a new window.
  const [other] = await Promise.all([
    page.context().waitForEvent("page"),
    page.evaluate(() => void window.open("/api/docs", "_blank", "noopener")),
  ])
  await other.waitForLoadState()
  assert.match(await other.title(), /Flint/)
  await other.close()
  const download = page.waitForEvent("download")
  await page.evaluate(() => {
    const a = document.createElement("a")
    a.href = "/api/openapi.json"
    a.download = "openapi.json"
    document.body.append(a)
    a.click()
    a.remove()
  })
  assert.equal(await (await download).failure(), null)
}

/** What a page of another origin can make this browser send, with the person signed in. */
async function othersPages(page, demo, from) {
  const before = await sessions(page, demo)
  await page.goto(from)
  const read = await page.evaluate(async (url) => {
    const attempt = (path, init) =>
      fetch(url + path, { credentials: "include", ...init }).then(
        (r) => `answered ${r.status}`,
        () => "refused",
      )
    return {
      "reads what is private": await attempt("/api/accounts"),
      "reads what is public": await attempt("/api/app"),
      "changes by JSON": await attempt("/api/auth/sessions", { method: "DELETE" }),
      "with the mobile header": await attempt("/api/auth/logout", {
        method: "POST",
        headers: { "X-Mobile-App": "true" },
      }),
      "with webhook in the address": await attempt("/api/auth/logout?x=/webhook", { method: "POST" }),
    }
  }, demo.url)
  for (const [what, came] of Object.entries(read)) assert.equal(came, "refused", `${from} ${what}`)
  // Without asking first, as any page may: it is sent, and nothing comes of it (the session is counted below).
  const blind = await page.evaluate(
    (url) =>
      fetch(`${url}/api/auth/logout`, {
        method: "POST",
        mode: "no-cors",
        credentials: "include",
        body: "{}",
      }).then(
        () => "answered",
        () => "refused",
      ),
    demo.url,
  )
  assert.equal(blind, "refused")
  // By a form, which takes the whole window there.
  await page.goto(from)
  const posted = page.waitForResponse((r) => r.url().startsWith(`${demo.url}/api/auth/logout`))
  await page.evaluate((url) => {
    const form = document.createElement("form")
    form.method = "post"
    form.action = `${url}/api/auth/logout`
    document.body.append(form)
    form.submit()
  }, demo.url)
  const answer = await posted
  assert.equal(answer.status(), 403)
  assert.match(await answer.text(), /"code":"cross_site".*"header\.(Sec-Fetch-Site|Origin)"/)
  // As a picture, a script and a frame.
  await page.goto(from)
  const loaded = await page.evaluate(
    (url) =>
      Promise.all(
        ["img", "script", "iframe"].map(
          (tag) =>
            new Promise((resolve) => {
              const e = document.createElement(tag)
              e.onload = () => resolve(`${tag}: ${tag === "iframe" ? frameShows(e) : "loaded"}`)
              e.onerror = () => resolve(`${tag}: refused`)
              setTimeout(() => resolve(`${tag}: refused`), 3000)
              e.setAttribute(
                "src",
                tag === "img" ? `${url}/favicon.svg` : tag === "script" ? `${url}/theme.js` : `${url}/`,
              )
              document.body.append(e)
              function frameShows(frame) {
                try {
                  return frame.contentWindow.document.body.innerText ? "shown" : "refused"
                } catch {
                  return "refused" // an error page of the browser's, which nobody may look into
                }
              }
            }),
        ),
      ),
    demo.url,
  )
  assert.deepEqual(loaded, ["img: refused", "script: refused", "iframe: refused"])
  assert.ok(
    !page.frames().some((f) => f !== page.mainFrame() && f.url().startsWith(demo.url)),
    "no frame shows Flint",
  )
  assert.equal(await sessions(page, demo), before, "the person is still signed in, everywhere")
}

const sessions = async (page, demo) => {
  await page.goto(`${demo.url}/`)
  return page.evaluate(async () => {
    for (;;) {
      const r = await fetch("/api/auth/sessions")
      if (r.ok) return (await r.json()).sessions.length
      if (r.status !== 429) return `refused: ${r.status}`
      await new Promise((resolve) => setTimeout(resolve, 1000 * Number(r.headers.get("Retry-After"))))
    }
  })
}

/** Signing out by address does nothing; by its button it empties the browser, soon. */
async function signsOut(page, demo) {
  await page.goto(`${demo.url}/`)
  assert.equal(await page.evaluate(() => fetch("/api/auth/logout").then((r) => r.status)), 405)
  await page.reload()
  await page.getByTestId("net-worth").waitFor()
  await page.evaluate(() => sessionStorage.setItem("left", "behind"))
  const answered = page.waitForResponse((r) => r.url().endsWith("/api/auth/logout"))
  const began = Date.now()
  await page.getByRole("button", { name: "Your account" }).locator("visible=true").click()
  await page.getByRole("menuitem", { name: "Sign out" }).click()
  assert.equal((await (await answered).allHeaders())["clear-site-data"], '"cache", "storage"')
  await page.waitForURL(/\/signin/)
  const took = Date.now() - began
  assert.ok(took < 10_000, `signing out took ${took} ms`)
  assert.equal(await page.evaluate(() => sessionStorage.getItem("left")), null, "storage is emptied")
  await page.goBack().catch(() => undefined)
  await page.waitForURL(/\/signin/)
  return took
}
