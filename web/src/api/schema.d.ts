// Stand-in until docs/openapi.json exists; `npm run gen:api` replaces this file.
import type * as t from "./types"

type Ok<R, S extends number = 200> = {
  [K in S]: { headers: Record<string, unknown>; content: { "application/json": R } }
} & { default: { headers: Record<string, unknown>; content: { "application/problem+json": { code: string } } } }
type None = { 204: { headers: Record<string, unknown>; content?: never } }
type P<Path, Query> = { query?: Query; header?: never; path: Path; cookie?: never }
type Q<Query> = { query?: Query; header?: never; path?: never; cookie?: never }
type Body<B> = { content: { "application/json": B } }
type Get<R, Query = never> = { parameters: Q<Query>; get: { parameters: Q<Query>; requestBody?: never; responses: Ok<R> } }
type Post<R, B, S extends number = 200> = { post: { parameters: Q<never>; requestBody: Body<B>; responses: Ok<R, S> } }
type ById = { id: string }
type Said = { success: boolean; message: string }

export interface paths {
  "/api/app": Get<t.AppInfo>
  "/api/auth/user": Get<t.User>
  "/api/auth/public-register": Post<Said, { firstName: string; email: string; password: string }, 201>
  "/api/auth/verify-email": Post<Said & { alreadyVerified?: boolean }, { token: string }>
  "/api/auth/resend-verification": Post<Said, { email: string }>
  "/api/auth/login": Post<{ success: boolean; user: t.User }, { email: string; password: string }>
  "/api/auth/link": Post<{ success: boolean; user: t.User }, { token: string }>
  "/api/auth/refresh": { post: { parameters: Q<never>; requestBody?: never; responses: Ok<Said> } }
  "/api/auth/logout": Post<Said, { refreshToken?: string }>
  "/api/dashboard": Get<t.Dashboard>
  "/api/portfolio-holdings": Get<{ holdings: t.Holding[] }>
  "/api/portfolio/history": Get<t.WealthHistory, { period?: t.Period }>
  "/api/accounts": Get<{ accounts: t.Account[] }>
  "/api/accounts/{id}": {
    get: { parameters: P<ById, never>; requestBody?: never; responses: Ok<t.AccountDetail> }
    patch: {
      parameters: P<ById, never>
      requestBody: Body<{ nickname?: string; hidden?: boolean }>
      responses: Ok<t.Account>
    }
  }
  "/api/connections": Get<{ connections: t.Connection[]; limit: number | null; used: number }>
  "/api/connections/{id}": {
    get: { parameters: P<ById, never>; requestBody?: never; responses: Ok<t.ConnectionDetail> }
    delete: { parameters: P<ById, { history?: "keep" | "delete" }>; requestBody?: never; responses: None }
  }
  "/api/connections/{id}/refresh": {
    post: { parameters: P<ById, never>; requestBody?: never; responses: Ok<{ queued: boolean; message: string }, 202> }
  }
  "/api/connections/teller/start": Post<
    {
      attempt: string
      applicationId: string
      environment: string
      nonce: string
      scriptUrl: string
      enrollmentId?: string
      products: string[]
    },
    { reconnect?: string }
  >
  "/api/connections/teller": Post<
    t.Connection,
    {
      attempt: string
      accessToken: string
      userId: string
      enrollmentId: string
      institution: { id: string; name: string }
      signatures: string[]
    },
    201
  >
  "/api/connections/snaptrade/start": Post<
    { attempt: string; redirectUrl: string },
    { kind: "brokerage" | "crypto"; broker?: string; reconnect?: string }
  >
  "/api/connections/snaptrade": Post<t.Connection, { attempt: string; authorizationId: string }, 201>
  "/api/transactions": Get<
    t.TransactionPage,
    {
      accountId?: string
      from?: string
      to?: string
      q?: string
      category?: string
      status?: string
      cursor?: string
      limit?: number
    }
  >
  "/api/transactions/{id}": {
    patch: {
      parameters: P<ById, never>
      requestBody: Body<{ category?: string; note?: string; merchant?: string }>
      responses: Ok<t.Transaction>
    }
    delete: { parameters: P<ById, never>; requestBody?: never; responses: None }
  }
  "/api/imports": {
    get: { parameters: Q<never>; requestBody?: never; responses: Ok<{ imports: t.ImportPreview[] }> }
    post: {
      parameters: Q<never>
      requestBody: { content: { "multipart/form-data": { file: string; account?: string } } }
      responses: Ok<t.ImportPreview, 201>
    }
  }
  "/api/imports/{id}": {
    get: { parameters: P<ById, never>; requestBody?: never; responses: Ok<t.ImportPreview> }
  }
  "/api/imports/{id}/mapping": {
    put: { parameters: P<ById, never>; requestBody: Body<Record<string, string>>; responses: Ok<t.ImportPreview> }
  }
  "/api/imports/{id}/apply": {
    post: {
      parameters: P<ById, never>
      requestBody: Body<{ accountId?: string; newAccount?: { name: string; kind: string; currency: string } }>
      responses: Ok<t.ImportPreview>
    }
  }
  "/api/imports/{id}/undo": {
    post: { parameters: P<ById, never>; requestBody?: never; responses: Ok<t.ImportPreview> }
  }
}
