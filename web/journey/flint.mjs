// Starts a demo of its own for a journey, with nothing kept from an earlier one.
import { execFile, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const binary = process.env.FLINT ?? fileURLToPath(new URL("../../bin/flint", import.meta.url))

/**
 * @typedef {object} Demo
 * @property {string} url       where Flint answers
 * @property {string} loginUrl  signs the demo's owner in, once
 * @property {string} email     the owner
 * @property {string} password
 * @property {string} database  where its data is
 * @property {string} state     the folder that it keeps
 * @property {string} sandbox   control site of the simulated providers
 * @property {() => Promise<void>} stop
 */

/**
 * Runs `flint demo` until it says that it is ready.
 * @param {{ bots?: "off"|"suspicion"|"always" }} [o] when forms want a proof
 * @returns {Promise<Demo>}
 */
export async function startFlint({ bots = "suspicion" } = {}) {
  const state = mkdtempSync(join(process.env.FLINT_JOURNEY_DIR ?? tmpdir(), "flint-journey-"))
  const child = spawn(
    binary,
    [
      "demo",
      "--headless",
      "--json",
      "--port",
      "0",
      "--state",
      state,
      "--limits",
      "data=free:900,basic:900,pro:900,premium:900",
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, FLINT_BOTS: bots, FLINT_CAPTCHA: "pow" },
    },
  )
  const last = []
  createInterface({ input: child.stderr }).on("line", (line) => last.push(line) > 40 && last.shift())
  const gone = new Promise((resolve) => child.once("exit", resolve))
  const ready = new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) resolve(JSON.parse(line))
    })
    child.once("error", reject)
    gone.then((code) =>
      reject(new Error(`flint demo ended with ${code} before it was ready:\n${last.join("\n")}`)),
    )
    setTimeout(
      () => reject(new Error(`flint demo wasn't ready after 120 s:\n${last.join("\n")}`)),
      120_000,
    ).unref()
  })
  const stop = async () => {
    child.kill("SIGTERM")
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000)
    await gone
    clearTimeout(timer)
    rmSync(state, { recursive: true, force: true })
  }
  try {
    return { ...(await ready), state, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Asks the sandbox's control site. @param {Demo} demo @param {string} path @param {unknown} [order] */
export async function control(demo, path, order) {
  const answer = await fetch(new URL(`/control/${path}`, demo.sandbox), {
    method: order === undefined ? "GET" : "POST",
    headers: { "Content-Type": "application/json" },
    ...(order === undefined ? {} : { body: JSON.stringify(order) }),
  })
  const body = await answer.json()
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${JSON.stringify(body)}`)
  return body
}

/** Runs a command of an operator against the demo. @param {Demo} demo @param {...string} args */
export async function operator(demo, ...args) {
  const env = {
    ...process.env,
    DATABASE_URL: demo.database,
    FLINT_ORIGIN: demo.url,
    FLINT_STATE: demo.state,
    FLINT_ADMINS: "staff@flint.example",
  }
  return promisify(execFile)(binary, args, { env })
}
