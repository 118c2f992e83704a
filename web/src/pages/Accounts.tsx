// Where is it; is it current.
import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { FileUp, Plus, Wallet } from "lucide-react"
import { useState } from "react"
import * as queries from "../api/queries"
import type { Account, Dashboard } from "../api/types"
import { accountGroups, count } from "../format/words"
import { Button, buttonClass } from "../ui/Button"
import { Card } from "../ui/Card"
import { Figure } from "../ui/Figure"
import { PageHead } from "../ui/PageHead"
import { Empty, Failed, RowSkeletons } from "../ui/States"
import { AccountLink } from "./AccountGroups"
import { Attention } from "./Attention"

export default function Accounts() {
  const { data, error, refetch } = useQuery(queries.accounts)
  const { data: board } = useQuery(queries.dashboard)
  return (
    <>
      <PageHead title="Accounts" lead={data ? count(data.length, "account") : "\u00a0"}>
        <Link to="/import" className={buttonClass()}>
          <FileUp aria-hidden="true" />
          Import
        </Link>
        <a href="/connect" className={buttonClass("primary")}>
          <Plus aria-hidden="true" />
          Add account
        </a>
      </PageHead>
      <div className="space-y-5">
        <Attention />
        {error && !data ? (
          <Card>
            <Failed what="your accounts" error={error} retry={() => void refetch()} />
          </Card>
        ) : !data ? (
          <Card flush>
            <RowSkeletons rows={8} what="your accounts" />
          </Card>
        ) : data.length === 0 ? (
          <Card>
            <Empty
              icon={<Wallet />}
              title="No accounts yet"
              action={
                <>
                  <a href="/connect" className={buttonClass("primary")}>
                    Connect an account
                  </a>
                  <Link to="/import" className={buttonClass()}>
                    Import a file
                  </Link>
                </>
              }
            >
              Connect one, or bring a statement: either takes about a minute.
            </Empty>
          </Card>
        ) : (
          <Groups accounts={data} board={board} />
        )}
      </div>
    </>
  )
}

/** The server's total for a group, where it has one; the page itself adds nothing up. */
function total(kind: string, board: Dashboard | undefined) {
  if (!board) return undefined
  if (kind === "cash") return board.bankBalance
  if (kind === "investment") return board.investmentBalance
  if (kind === "crypto") return board.cryptoValue
  if (kind === "debt") return board.totalDebts
  return undefined
}

function Groups({ accounts, board }: { accounts: Account[]; board: Dashboard | undefined }) {
  const [showHidden, setShowHidden] = useState(false)
  const away = (a: Account) => a.hidden || a.status === "closed"
  const hidden = accounts.filter(away)
  const shown = accounts.filter((a) => !away(a))
  return (
    <>
      {accountGroups.map((g) => {
        const members = shown.filter((a) => g.types.includes(a.type))
        if (members.length === 0) return null
        const sum = total(g.kind, board)
        return (
          <Card
            key={g.kind}
            id={g.kind}
            title={g.title}
            flush
            aside={
              sum ? (
                <span className="font-semibold">
                  <Figure value={sum} />
                </span>
              ) : undefined
            }
          >
            <ul>
              {members.map((a) => (
                <li key={a.id} className="border-t border-line first:border-t-0">
                  <AccountLink account={a} />
                </li>
              ))}
            </ul>
          </Card>
        )
      })}
      {hidden.length > 0 && (
        <div>
          <Button
            look="quiet"
            size="sm"
            aria-expanded={showHidden}
            onClick={() => setShowHidden(!showHidden)}
          >
            {showHidden ? "Fold away" : "Show"} {count(hidden.length, "hidden or closed account")}
          </Button>
          {showHidden && (
            <Card flush className="mt-2">
              <ul>
                {hidden.map((a) => (
                  <li key={a.id}>
                    <AccountLink account={a} />
                  </li>
                ))}
              </ul>
            </Card>
          )}
        </div>
      )}
    </>
  )
}
