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
export type ConnectionDetail = Connection & Answer<"/api/connections/{id}">
export type SyncRun = ConnectionDetail["runs"][number]
export type TransactionPage = Answer<"/api/transactions">
export type Transaction = TransactionPage["transactions"][number]

export type Period = "1W" | "1M" | "3M" | "1Y" | "ALL"
export type Verdict = "new" | "duplicate" | "possible_duplicate" | "skipped"

export interface ImportRow {
  ordinal: number
  date: string
  amount: string
  currency?: string
  description: string
  verdict: Verdict
  matches?: string | null
}

/** Which column of a CSV file is what, by the columns' names. */
export interface ColumnNames {
  date?: string
  dateFormat?: string
  description?: string
  memo?: string
  amount?: string
  debit?: string
  credit?: string
  direction?: string
  currency?: string
  id?: string
  balance?: string
  category?: string
  decimalComma?: boolean
  invert?: boolean
}

export interface ImportPreview {
  id: string
  filename: string
  format: "ofx" | "qfx" | "csv"
  status: "preview" | "applied" | "undone"
  accountId: string | null
  statementAccounts: { id: string; kind: string; currency: string; rows: number }[]
  columns?: string[]
  mapping?: ColumnNames
  rows: ImportRow[]
  summary: { new: number; duplicates: number; possible: number; skipped: number; unknownElements: number }
  createdAt: string
  appliedAt: string | null
  undoneAt: string | null
}
