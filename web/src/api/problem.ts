// One vocabulary for everything that can go wrong between a page and the API.
// Every failure becomes an ApiError; pages switch on its `kind` and never on a status.

export type FailureKind =
  | "signed-out" // nobody is signed in any more
  | "refused" // signed in, but not allowed: plan limit, someone else's row
  | "invalid" // the input is wrong; `fields` say where
  | "gone" // no such thing (any more)
  | "conflict" // not in this state
  | "too-many" // over a limit; `retryAfter` seconds
  | "unavailable" // a provider or Flint itself is down for now
  | "offline" // no answer at all
  | "broken" // our mistake

/** A rejected field: `where` is the last part of the server's path, such as "email". */
export interface FieldProblem {
  where: string
  message: string
}

interface ProblemBody {
  title?: string
  detail?: string
  code?: string
  errors?: { where?: string; location?: string; message?: string }[] | null
  instance?: string
  retryAfter?: number
  methods?: Method[] | null
  challenge?: string
}

/** How people prove who they are, again or for the second time. */
export type Method = "passkey" | "totp" | "backup_code" | "password"

/** What would get past a refusal: one of `methods`, sent with `challenge` if there is one. */
export interface Demand {
  methods: Method[]
  challenge: string
}

export class ApiError extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly code: string = "",
    readonly status: number = 0,
    readonly requestId: string = "",
    readonly fields: FieldProblem[] = [],
    readonly retryAfter: number = 0,
    readonly demand: Demand = { methods: [], challenge: "" },
  ) {
    super(message)
    this.name = "ApiError"
  }

  /** The sentence for one field of a form, if the server rejected it. */
  field(name: string): string | undefined {
    return this.fields.find((f) => f.where === name)?.message
  }
}

const kinds: Record<number, FailureKind> = {
  400: "invalid",
  401: "signed-out",
  403: "refused",
  404: "gone",
  409: "conflict",
  410: "gone",
  413: "invalid",
  422: "invalid",
  429: "too-many",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
}

// The 401s that end a session. Others say that what was just typed is wrong.
const over = new Set(["", "NO_TOKEN", "TOKEN_EXPIRED", "INVALID_TOKEN"])

/** Whether an answer says that nobody is signed in, and not that a code or password is wrong. */
export function endsSession(status: number, code: string | undefined): boolean {
  return status === 401 && over.has(code ?? "")
}

const sentences: Record<FailureKind, string> = {
  "signed-out": "Your session has ended. Please sign in again.",
  refused: "You can’t do that with this account.",
  invalid: "Something in the form isn’t right.",
  gone: "This isn’t here any more.",
  conflict: "Something changed in the meantime. Please look again.",
  "too-many": "That was a lot at once. Please wait a moment.",
  unavailable: "This part is resting for a moment. Please try again soon.",
  offline: "We couldn’t reach Flint. Check your connection and try again.",
  broken: "Something broke on our side. It has been noted.",
}

/** Turns an answer that isn't a success into an ApiError. `body` is whatever was parsed, if anything. */
export function toApiError(status: number, body: unknown, headers?: Headers): ApiError {
  const problem: ProblemBody = typeof body === "object" && body !== null ? (body as ProblemBody) : {}
  const kind = status === 401 && !endsSession(status, problem.code) ? "invalid" : (kinds[status] ?? "broken")
  const fields = (problem.errors ?? []).map((e) => ({
    where: (e.where ?? e.location ?? "").split(/[./]/).at(-1) ?? "",
    message: e.message ?? "",
  }))
  return new ApiError(
    kind,
    problem.detail || sentences[kind],
    problem.code ?? "",
    status,
    problem.instance ?? headers?.get("X-Request-Id") ?? "",
    fields,
    problem.retryAfter ?? (Number(headers?.get("Retry-After")) || 0),
    { methods: problem.methods ?? [], challenge: problem.challenge ?? "" },
  )
}

/** The error for a request that got no answer. */
export function unreachable(): ApiError {
  return new ApiError("offline", sentences.offline)
}

/** Makes an ApiError of anything that was thrown. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  return new ApiError("broken", sentences.broken)
}
