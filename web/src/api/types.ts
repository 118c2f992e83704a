// What the API answers, by name, read off the generated description.
import type { paths } from "./schema"

type Answer<P extends keyof paths> = paths[P] extends {
  get: { responses: { 200: { content: { "application/json": infer R } } } }
}
  ? R
  : never

/** An exact amount. `amount` is a decimal string and is never turned into a number for arithmetic. */
export interface Money {
  amount: string
  currency: string
}

export type AppInfo = Answer<"/api/app">
export type User = Answer<"/api/auth/user">
export type Dashboard = Answer<"/api/dashboard">
/** What a total leaves out: a rate for a currency, a price for a symbol, a balance of an account. */
export type Missing = Dashboard["missing"][number]
export type WealthHistory = Answer<"/api/portfolio/history">
export type Account = Answer<"/api/accounts">["accounts"][number]
export type AccountType = Account["type"]
export type AccountDetail = Answer<"/api/accounts/{id}">
export type Position = AccountDetail["positions"][number]
export type Holding = Answer<"/api/portfolio-holdings">["holdings"][number]
export type Connection = Answer<"/api/connections">["connections"][number]
export type ConnectionDetail = Answer<"/api/connections/{id}">
export type SyncRun = ConnectionDetail["runs"][number]
export type TransactionPage = Answer<"/api/transactions">
export type Transaction = TransactionPage["transactions"][number]

/** All that the security page shows. */
export type Safety = Omit<Answer<"/api/security">, "$schema">
export type Factors = Answer<"/api/auth/mfa">
export type Passkey = Factors["passkeys"][number]
export type Enrolment = paths["/api/auth/mfa/setup"]["post"]["responses"][200]["content"]["application/json"]
export type ApiKey = Answer<"/api/keys">["keys"][number]
/** A key that was just made, with the secret that is never shown again. */
export type MadeKey = paths["/api/keys"]["post"]["responses"][201]["content"]["application/json"]
export type Session = Answer<"/api/auth/sessions">["sessions"][number]
export type KnownDevice = Answer<"/api/auth/devices">["devices"][number]
/** How a sign-in was judged, and why. */
export type RiskDecision = Answer<"/api/security/decisions">["decisions"][number]
export type SecurityEvent = Answer<"/api/security/log">["entries"][number]
/** What shows that an entry is in the audit log. */
export type EntryProof = Answer<"/api/security/log/{id}/proof">
export type SecurityArea = SecurityEvent["area"]

/** Somebody as staff see them in a list, and alone. */
export type StaffAccount = Answer<"/api/admin/users">["users"][number]
export type StaffAccountDetail = Answer<"/api/admin/users/{id}">

/** How a sign-in was judged, with what it was counted from and what staff found out. */
export type JudgedSignIn = Answer<"/api/admin/users/{id}/risk">["decisions"][number]

/** A name that is like one on a list. */
export type Screening = Answer<"/api/admin/screenings">["screenings"][number]
export type Hold = Answer<"/api/admin/users/{id}/holds">["holds"][number]

/** A text that one is asked to accept. */
export type Document = Answer<"/api/privacy/consents">["documents"][number]
/** A text to be read, by everybody. */
export type DocumentText = Answer<"/api/privacy/documents/{document}">
/** A copy of one's data, being made or made. */
export type DataCopy = Answer<"/api/privacy/export">["exports"][number]
/** Whether the account is to be deleted, and what would stay. */
export type DeletionState = Answer<"/api/privacy/deletion">

export type Period = "1W" | "1M" | "3M" | "1Y" | "ALL"

/** One statement of a file, before and after it is applied. */
export type ImportPreview = Answer<"/api/imports/{id}">
export type ImportRow = ImportPreview["rows"][number]
export type Verdict = ImportRow["verdict"]
/** Which column of a CSV file is what, by the columns' names. */
export type ColumnNames = NonNullable<ImportPreview["mapping"]>
