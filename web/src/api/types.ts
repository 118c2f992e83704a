// What the API answers, by name. The shapes are those of docs/openapi.json.

/** An exact amount. `amount` is a decimal string and is never turned into a number for arithmetic. */
export interface Money {
  amount: string
  currency: string
}

export type AccountType = "bank" | "credit" | "loan" | "investment" | "crypto" | "manual"
export type Quality = "complete" | "estimated"

export interface User {
  id: string
  email: string
  firstName: string
  lastName: string
  role: "admin" | "user"
  subscriptionTier: string
  mfaEnabled: boolean
  emailVerified: boolean
  currency: string
  timeZone: string
}

export interface AppInfo {
  name: string
  version: string
  demo: { inboxUrl: string; sandboxUrl: string; note: string } | null
  teller: { enabled: boolean; connectScript: string }
  snaptrade: { enabled: boolean }
}

export interface Account {
  id: string
  provider: string
  connectionId: string | null
  name: string
  accountName: string
  nickname: string | null
  institution: string
  institutionName: string
  type: AccountType
  subtype: string
  mask: string
  currency: string
  balance: Money | null
  balanceInBase: Money | null
  available: Money | null
  creditLimit: Money | null
  status: string
  asOf: string | null
  lastUpdated: string | null
  needsReconnection: boolean
  connectionStatus: string | null
  stale: boolean
  hidden: boolean
  percentOfTotal?: number | string | null
}

export interface BalanceDay {
  day: string
  balance: string
  quality: Quality
}

export interface Position {
  symbol: string
  name: string
  type: string
  quantity: string
  currentPrice: string | null
  averageCost: string | null
  currentValue: string | null
  currency: string
  cashEquivalent: boolean
}

export interface Holding {
  accountId: string
  symbol: string
  quantity: string
  profitLoss: string | null
  profitLossPercent: string | null
  currency: string
}

export interface AccountDetail extends Account {
  history: BalanceDay[]
  positions: Position[]
  cash: { currency: string; cash: string; buyingPower: string | null }[]
}

/** What a total leaves out: a rate for a currency, a price for a symbol, a balance of an account. */
export interface Missing {
  what: string
  detail: string
}

export interface Dashboard {
  totalBalance: Money | null
  bankBalance: Money | null
  investmentBalance: Money | null
  cryptoValue: Money | null
  totalAssets: Money | null
  totalDebts: Money | null
  currency: string
  accounts: Account[]
  needsConnection: boolean
  connectionStatus: { hasAccounts: boolean; snapTradeError: boolean; message: string }
  lastBalanceUpdate: string | null
  asOf: string | null
  complete: boolean
  missing: Missing[]
  change: { period: string; amount: Money; percent: string | null } | null
}

export type Period = "1W" | "1M" | "3M" | "1Y" | "ALL"

export interface WealthHistory {
  period: string
  currency: string
  dataPoints: { timestamp: string; day: string; value: string; quality: Quality }[]
}

export type ConnectionStatus = "pending" | "healthy" | "degraded" | "reauth" | "disconnected" | "quarantined"

export interface Connection {
  id: string
  provider: "teller" | "snaptrade"
  kind: "bank" | "brokerage" | "crypto"
  institutionId: string
  institutionName: string
  access: "read" | "trade"
  status: ConnectionStatus
  statusReason: string
  message: string
  action: "none" | "reconnect" | "wait" | "retry"
  accounts: number
  lastSyncedAt: string | null
  nextSyncAt: string | null
  syncing: boolean
  createdAt: string
}

export interface SyncRun {
  id: string
  trigger: string
  startedAt: string
  finishedAt: string | null
  outcome: "succeeded" | "failed" | "superseded" | null
  phase: string
  accounts: number
  fetched: number
  added: number
  updated: number
  superseded: number
  removed: number
  positions: number
  apiCalls: number
  errorClass: string | null
  message: string
}

export interface ConnectionDetail extends Connection {
  runs: SyncRun[]
}

export interface Transaction {
  id: string
  accountId: string
  accountName: string
  accountType: AccountType
  institution: string
  provider: string
  date: string
  type: string
  description: string
  merchant: string
  category: string
  note: string
  symbol?: string
  quantity?: string
  price?: string
  fee?: string
  amount: string
  currency: string
  status: "pending" | "posted"
  source: "provider" | "import" | "manual"
  maybeDuplicateOf?: string
}

export interface TransactionPage {
  transactions: Transaction[]
  nextCursor: string | null
  totals?: { in: Money; out: Money; net: Money } | null
}

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

export interface ImportPreview {
  id: string
  filename: string
  format: "ofx" | "qfx" | "csv"
  status: "preview" | "applied" | "undone"
  accountId: string | null
  statementAccounts: { id: string; kind: string; currency: string; rows: number }[]
  columns?: string[]
  mapping?: Record<string, string>
  rows: ImportRow[]
  summary: { new: number; duplicates: number; possible: number; skipped: number; unknownElements: number }
  createdAt: string
  appliedAt: string | null
  undoneAt: string | null
}
