// Is my account safe: how one signs in, where one is signed in, and what has happened.
import { useQuery } from "@tanstack/react-query"
import { EyeOff } from "lucide-react"
import { currentLook } from "../api/looking"
import * as all from "../api/queries"
import { Card } from "../ui/Card"
import { PageHead } from "../ui/PageHead"
import { Empty, Failed, RowSkeletons } from "../ui/States"
import { Authenticator } from "./security/Authenticator"
import { BackupCodes } from "./security/BackupCodes"
import { Decisions } from "./security/Decisions"
import { Devices } from "./security/Devices"
import { Email } from "./security/Email"
import { Keys } from "./security/Keys"
import { Passkeys } from "./security/Passkeys"
import { Password } from "./security/Password"
import * as queries from "./security/queries"
import { SecurityLog } from "./security/SecurityLog"
import { Sessions } from "./security/Sessions"
import { Standing } from "./security/Standing"
import { StepUp } from "./security/StepUp"
import { Support } from "./security/Support"

export default function Security() {
  if (currentLook()) return <NotForSupport />
  return (
    <StepUp>
      <PageHead title="Security" lead="How you sign in, where, and what has happened." />
      <Standing />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 xl:grid-cols-2">
        <div className="space-y-5">
          <Ways />
          <Sessions />
          <Devices />
          <Keys />
          <Support />
        </div>
        <div className="space-y-5">
          <SecurityLog />
          <Decisions />
        </div>
      </div>
    </StepUp>
  )
}

function NotForSupport() {
  return (
    <>
      <PageHead title="Security" />
      <Card>
        <Empty icon={<EyeOff />} title="This stays with its owner">
          How somebody signs in, their devices, keys and log aren’t shown to support.
        </Empty>
      </Card>
    </>
  )
}

function Ways() {
  const user = useQuery(all.user)
  const factors = useQuery(queries.factors)
  const error = user.error ?? factors.error
  const retry = () => {
    void user.refetch()
    void factors.refetch()
  }
  return (
    <Card id="ways" title="How you sign in" flush>
      {user.data && factors.data ? (
        <ul>
          <Password user={user.data} />
          <Authenticator factors={factors.data} />
          <Passkeys factors={factors.data} />
          {(factors.data.totp.enabled || factors.data.passkeys.length > 0) && (
            <BackupCodes left={factors.data.backupCodesLeft} />
          )}
          <Email user={user.data} />
        </ul>
      ) : error ? (
        <Failed what="how you sign in" error={error} retry={retry} />
      ) : (
        <RowSkeletons rows={4} what="how you sign in" />
      )}
    </Card>
  )
}
