// Opens the sandbox's two widgets in a real browser: Teller Connect through
// Teller's own React component, and the Connection Portal in a frame, whose
// messages are noted down. Prints what the page heard as one line of JSON.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { Snaptrade, SnaptradeAuth } from "snaptrade-typescript-sdk";

const env = process.env;
const file = (name) => readFileSync(new URL(`node_modules/${name}`, import.meta.url), "utf8");
const browser = await chromium.launch({
  executablePath: env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

// The app's own server, on loopback like the sandbox: a browser lets no page
// from elsewhere at it.
let html = "";
const app = createServer((_, res) => res.setHeader("Content-Type", "text/html; charset=utf-8").end(html)).listen(0, "127.0.0.1");
await once(app, "listening");
const home = `http://127.0.0.1:${app.address().port}/`;

// Nothing but this machine is asked: the script that the component wants from
// Teller's address is there already, the sandbox's.
async function open(body) {
  html = body;
  const page = await browser.newPage();
  await page.route(/^https?:\/\/(?!127\.0\.0\.1[:/])/, (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
  page.setDefaultTimeout(15_000);
  page.on("pageerror", (e) => process.stderr.write(`${e.message}\n`));
  await page.goto(home);
  return page;
}

async function teller() {
  const page = await open(`<!doctype html><div id="app"></div>
    <script src="${env.CONNECT_SCRIPT}"></script>
    <script>${file("react/umd/react.production.min.js")}</script>
    <script>${file("react-dom/umd/react-dom.production.min.js")}</script>
    <script>
      // As a plain script the component would take the global that Teller's script has.
      window.define = Object.assign((_, make) => { window.component = make(React); }, { amd: true });
    </script>
    <script>${file("teller-connect-react/dist/teller-connect-react.umd.js")}</script>
    <script>
      window.heard = [];
      const note = (name) => (data) => heard.push({ name, data });
      function App() {
        const { open, ready } = component.useTellerConnect({
          applicationId: ${JSON.stringify(env.TELLER_APPLICATION)}, environment: "sandbox", nonce: "nonce-1", products: ["transactions", "balance"], selectAccount: "multiple",
          onInit: note("init"), onSuccess: note("success"), onExit: note("exit"), onFailure: note("failure"),
        });
        return React.createElement("button", { disabled: !ready, onClick: () => open() }, "Link a bank");
      }
      ReactDOM.render(React.createElement(App), document.getElementById("app"));
    </script>`);
  await page.getByRole("button", { name: "Link a bank" }).click();
  const frame = page.frameLocator("iframe");
  await frame.getByRole("button", { name: "Close" }).click();
  await page.waitForFunction(() => heard.some((h) => h.name === "exit"));
  await page.getByRole("button", { name: "Link a bank" }).click();
  await frame.locator("#banks button").first().click();
  await frame.getByLabel("User name").fill("username");
  await frame.getByLabel("Password").fill("password");
  await frame.getByRole("button", { name: "Continue" }).click();
  await frame.getByRole("heading", { name: "Choose accounts" }).waitFor();
  await frame.getByRole("button", { name: "Continue" }).click();
  await page.waitForFunction(() => heard.some((h) => h.name === "success"));
  return page.evaluate(() => heard);
}

async function portal() {
  const { SNAPTRADE_CLIENT_ID: clientId, SNAPTRADE_CONSUMER_KEY: consumerKey, SNAPTRADE_BASE_URL: basePath } = env;
  const sdk = new Snaptrade({ auth: SnaptradeAuth.commercialApiKey({ clientId, consumerKey }), basePath });
  const { data: me } = await sdk.authentication.registerSnapTradeUser({ userId: "framed" });
  const visits = [];
  for (const leave of [true, false]) {
    const { data } = await sdk.authentication.loginSnapTradeUser({ ...me, broker: leave ? undefined : "KRAKEN", customRedirect: home });
    const page = await open(`<!doctype html><script>
      window.heard = [];
      addEventListener("message", (e) => { if (e.origin === ${JSON.stringify(env.CONTROL_URL)}) heard.push(e.data); });
      </script><iframe src="${data.redirectURI}" width="450" height="600"></iframe>`);
    const frame = page.frameLocator("iframe");
    if (leave) {
      await frame.getByRole("link", { name: "Leave" }).click();
    } else {
      await frame.getByLabel("Password").fill("anything");
      await frame.getByRole("button", { name: "Continue" }).click();
      await frame.getByRole("button", { name: "Connect" }).click();
      await frame.getByRole("heading", { name: "is connected" }).waitFor();
      await frame.getByRole("link", { name: "Back to" }).click();
    }
    await page.waitForFunction(() => heard.length >= 2);
    visits.push(await page.evaluate(() => heard));
  }
  const { data: list } = await sdk.connections.listBrokerageAuthorizations(me);
  return { visits, connections: list.map((c) => c.id) };
}

const out = { teller: await teller(), portal: await portal() };
await browser.close();
app.close();
process.stdout.write(JSON.stringify(out) + "\n");
