// Finding somebody: by their whole e-mail address, or by the id of their account.
import { useQuery } from "@tanstack/react-query"
import { Link, useNavigate } from "@tanstack/react-router"
import { ChevronRight, Search, UserRoundX } from "lucide-react"
import { useState } from "react"
import type { StaffAccount } from "../../api/types"
import { useSubmit } from "../../auth/useSubmit"
import { fullDay, today } from "../../format/dates"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Input } from "../../ui/Field"
import { Mark } from "../../ui/Mark"
import { Empty, RowSkeletons } from "../../ui/States"
import { useGuard } from "../security/StepUp"
import { nameOf } from "./name"
import * as queries from "./queries"
import { NotRead, Staff } from "./Staff"
import { Standing } from "./Standing"

const id = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i

// What was looked for last, for the way back. Not in the address: addresses are written down.
let last = ""

export default function People() {
  return (
    <Staff title="People" lead="How somebody’s account stands. What they own isn’t shown here.">
      <Find />
    </Staff>
  )
}

function Find() {
  const navigate = useNavigate()
  const [wanted, setWanted] = useState(last)
  const { onSubmit } = useSubmit(async ({ who = "" }) => {
    const text = who.trim()
    if (id.test(text)) {
      await navigate({ to: "/admin/people/$userId", params: { userId: text.toLowerCase() } })
      return
    }
    last = text
    setWanted(text)
  })
  return (
    <div className="max-w-3xl space-y-5">
      <Card>
        <form onSubmit={onSubmit} className="flex flex-wrap items-end gap-3">
          <Input
            className="min-w-0 flex-1 basis-64"
            label="E-mail address or id"
            name="who"
            required
            defaultValue={wanted}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            maxLength={200}
            placeholder="ada@example.com"
          />
          <Button look="primary" type="submit" size="md" className="h-10" icon={<Search />}>
            Find
          </Button>
        </form>
      </Card>
      {wanted && <Found text={wanted} />}
    </div>
  )
}

function Found({ text }: { text: string }) {
  const guard = useGuard()
  const { data, error, refetch } = useQuery(queries.people(guard, text))
  return (
    <Card id="found" title="Found" flush>
      {error && !data ? (
        <NotRead what="who that is" error={error} retry={() => void refetch()} />
      ) : !data ? (
        <RowSkeletons rows={1} what="who that is" />
      ) : data.users.length === 0 ? (
        <Empty icon={<UserRoundX />} title="Nobody has this address">
          Write it as they sign in with it. Part of an address isn’t enough.
        </Empty>
      ) : (
        <ul aria-label="Found">
          {data.users.map((u) => (
            <One key={u.id} account={u} />
          ))}
        </ul>
      )}
    </Card>
  )
}

function One({ account: a }: { account: StaffAccount }) {
  return (
    <li className="border-t border-line first:border-t-0">
      <Link
        to="/admin/people/$userId"
        params={{ userId: a.id }}
        preload={false}
        className="flex items-center gap-3 px-5 py-3.5 hover:bg-sunken max-sm:px-4"
      >
        <Mark name={nameOf(a)} />
        <span className="min-w-0 flex-1">
          <span className="block font-medium break-words">{nameOf(a)}</span>
          <span className="block text-sm break-all text-ink-3">{a.email}</span>
          <span className="mt-1.5 flex flex-wrap gap-1.5">
            <Standing account={a} />
          </span>
        </span>
        <span className="text-sm whitespace-nowrap text-ink-3 max-sm:hidden">
          since {fullDay(today(new Date(a.createdAt)))}
        </span>
        <ChevronRight className="size-4 shrink-0 text-ink-3" aria-hidden="true" />
      </Link>
    </li>
  )
}
