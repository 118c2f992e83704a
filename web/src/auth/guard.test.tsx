import { createHash } from "node:crypto"
import { fireEvent, render, screen, waitFor } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { describe, expect, it } from "vitest"
import { Refusal, serve, theApp } from "../testing/render"
import { Miner } from "./pow"
import { SignIn } from "./SignIn"

const easy = { kind: "pow", token: "T".repeat(70), required: false, difficulty: 6, pieces: 8, expiresIn: 600 }
const refused = (code: string) => new Refusal(403, { code, detail: "Show that this isn't automated." })

/** Whether a proof fits a challenge, by another implementation of SHA-256. */
function fits(proof: { token: string; nonces: number[] }, difficulty: number): boolean {
  return (
    proof.nonces.length === 8 &&
    proof.nonces.every((n, i) => {
      const sum = createHash("sha256").update(`${proof.token}:${i}:${n}`).digest()
      return Math.clz32(sum.readInt32BE(0)) >= difficulty
    })
  )
}

async function signIn() {
  await userEvent.type(screen.getByLabelText("E-mail"), "ada@example.com")
  await userEvent.type(screen.getByLabelText("Password"), "a quiet lantern")
  await userEvent.click(screen.getByRole("button", { name: "Sign in" }))
}

const sent = (calls: { path: string; body: string }[]) =>
  calls.filter((c) => c.path === "/api/auth/login").map((c) => JSON.parse(c.body))

describe("the proof of work", () => {
  it("hashes as everybody else does, whatever the length", () => {
    for (const length of [1, 40, 50, 51, 52, 53, 54, 60, 63, 64, 70, 110, 118, 128]) {
      const token = "x".repeat(length)
      for (const nonce of [0, 9, 123456, 4294967295]) {
        const mine = Array.from(new Miner(token, 3, 8).hash(nonce), (w) =>
          (w >>> 0).toString(16).padStart(8, "0"),
        ).join("")
        expect(mine).toBe(createHash("sha256").update(`${token}:3:${nonce}`).digest("hex"))
      }
    }
  })
  it("goes on where it stopped", () => {
    const whole = new Miner("token", 0, 12).run(1_000_000)
    const miner = new Miner("token", 0, 12)
    let nonce = miner.run(10)
    while (nonce < 0) nonce = miner.run(10)
    expect(nonce).toBe(whole)
  })
})

describe("a guarded form", () => {
  it("sends its token along, and nothing else while nothing is demanded", async () => {
    const { calls } = serve({
      "GET /api/app": theApp,
      "GET /api/auth/challenge": easy,
      "POST /api/auth/login": new Refusal(401, { code: "bad_credentials", detail: "That was wrong." }),
    })
    render(<SignIn />)
    await signIn()
    await screen.findByRole("alert")
    expect(sent(calls)).toEqual([
      { email: "ada@example.com", password: "a quiet lantern", formToken: easy.token },
    ])
  })
  it("is sent without a token if there is none", async () => {
    const { calls } = serve({
      "GET /api/app": theApp,
      "GET /api/auth/challenge": new Refusal(503, { code: "timeout", detail: "Later." }),
      "POST /api/auth/login": new Refusal(401, { code: "bad_credentials", detail: "That was wrong." }),
    })
    render(<SignIn />)
    await signIn()
    await screen.findByRole("alert")
    expect(sent(calls)).toEqual([{ email: "ada@example.com", password: "a quiet lantern" }])
  })
  it("works for a proof when it must, and is sent again by itself", async () => {
    let tries = 0
    const { calls } = serve({
      "GET /api/app": theApp,
      "GET /api/auth/challenge": easy,
      "POST /api/auth/login": () =>
        tries++ === 0
          ? refused("challenge_required")
          : new Refusal(401, { code: "bad_credentials", detail: "That was wrong." }),
    })
    render(<SignIn />)
    await signIn()
    expect(await screen.findByRole("alert", {}, { timeout: 5000 })).toHaveTextContent("That was wrong")
    const bodies = sent(calls)
    expect(bodies).toHaveLength(2)
    expect(fits(bodies[1].proof, easy.difficulty)).toBe(true)
  })
  it("knows from the beginning that a proof is demanded, and makes another for each try", async () => {
    const { calls } = serve({
      "GET /api/app": theApp,
      "GET /api/auth/challenge": { ...easy, required: true },
      "POST /api/auth/login": (r: Request) =>
        new Refusal(401, { code: "bad_credentials", detail: `Wrong ${r.method}.` }),
    })
    render(<SignIn />)
    await waitFor(() => expect(calls.some((c) => c.path === "/api/auth/challenge")).toBe(true))
    await signIn()
    await screen.findByRole("alert", {}, { timeout: 5000 })
    expect(fits(sent(calls)[0].proof, easy.difficulty)).toBe(true)
  })
  it("gives up after a proof for a service and one of work, and says so", async () => {
    const { calls } = serve({
      "GET /api/app": theApp,
      "GET /api/auth/challenge": easy,
      "POST /api/auth/login": refused("captcha_failed"),
    })
    render(<SignIn />)
    await signIn()
    expect(await screen.findByRole("alert", {}, { timeout: 5000 })).toHaveTextContent("isn't automated")
    expect(sent(calls)).toHaveLength(3)
  })
  it("has a field that people neither see nor reach, and says when a bot fills it", async () => {
    const { calls } = serve({
      "GET /api/app": theApp,
      "GET /api/auth/challenge": easy,
      "POST /api/auth/login": new Refusal(401, { code: "bad_credentials", detail: "That was wrong." }),
    })
    const { container } = render(<SignIn />)
    expect(screen.queryByRole("textbox", { name: /empty/ })).toBeNull()
    const trap = container.querySelector<HTMLInputElement>("input[name=website]")
    expect(trap).toHaveAttribute("tabindex", "-1")
    expect(trap).toHaveAttribute("autocomplete", "off")
    if (trap) fireEvent.change(trap, { target: { value: "https://spam.example" } })
    await signIn()
    await screen.findByRole("alert")
    expect(sent(calls)[0].website).toBe("https://spam.example")
  })
})
