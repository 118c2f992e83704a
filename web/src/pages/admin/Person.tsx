// One account as staff see it: how it stands, what was decided about its sign-ins, and what can
// be done. No balance and no institution: that takes the person's own code.
import { useQuery } from "@tanstack/react-query"
import { Link, useParams } from "@tanstack/react-router"
import { ArrowLeft, UserRoundX } from "lucide-react"
import { asApiError } from "../../api/problem"
import type { StaffAccountDetail } from "../../api/types"
import { fullDay, today } from "../../format/dates"
import { buttonClass } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Field } from "../../ui/Detail"
import { PageHead } from "../../ui/PageHead"
import { Pill } from "../../ui/Pill"
import { Empty, RowSkeletons } from "../../ui/States"
import { useGuard } from "../security/StepUp"
import { Acts } from "./Acts"
import { Holds } from "./Holds"
import { Judged } from "./Judged"
import { nameOf } from "./name"
import * as queries from "./queries"
import { NotRead, Staff } from "./Staff"
import { Standing } from "./Standing"

export default function Person() {
  return (
    <Staff>
      <Account />
    </Staff>
  )
}

function Account() {
  const { userId } = useParams({ strict: false }) as { userId: string }
  const guard = useGuard()
  const { data, error, refetch } = useQuery(queries.person(guard, userId))
  return (
    <>
      <Link to="/admin" className={buttonClass("quiet", "sm", "-mt-3 mb-2 -ml-3")}>
        <ArrowLeft aria-hidden="true" />
        Find somebody else
      </Link>
      <PageHead title={data ? nameOf(data) : "Account"} lead="They see in their log that somebody looked." />
      {data ? (
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 xl:grid-cols-2">
          <div className="space-y-5">
            <Who account={data} />
            <Holds user={data.id} />
          </div>
          <Judged user={data.id} />
        </div>
      ) : (
        <Card flush>
          {error ? (
            asApiError(error).kind === "gone" ? (
              <Empty icon={<UserRoundX />} title="There’s no such account">
                It may have been erased, or the id is incomplete.
              </Empty>
            ) : (
              <NotRead what="this account" error={error} retry={() => void refetch()} />
            )
          ) : (
            <RowSkeletons rows={4} what="this account" />
          )}
        </Card>
      )}
    </>
  )
}

function Who({ account: a }: { account: StaffAccountDetail }) {
  return (
    <Card id="who" title="How the account stands">
      <div className="flex flex-wrap gap-1.5">
        <Standing account={a} />
        {a.held && <Pill tone="bad">no orders, no transfers</Pill>}
      </div>
      {a.held && (
        <p className="mt-3 text-ink-2">
          It was confirmed that they are on a list. They read everything as before, and must not be told.
        </p>
      )}
      <dl className="mt-4 space-y-1.5">
        <Field name="E-mail">
          <span className="break-all">{a.email}</span>
        </Field>
        <Field name="Id">
          <code className="font-mono text-xs break-all select-all">{a.id}</code>
        </Field>
        <Field name="Opened">{fullDay(today(new Date(a.createdAt)))}</Field>
        <Field name="Signed in at">
          {a.sessions === 0 ? "no device" : a.sessions === 1 ? "one device" : `${a.sessions} devices`}
        </Field>
        {a.bannedAt && <Field name="Closed">{fullDay(today(new Date(a.bannedAt)))}</Field>}
      </dl>
      <Acts account={a} />
    </Card>
  )
}
