// My data: a copy of it, its end, what I agreed to, and how long what is kept.
import { EyeOff } from "lucide-react"
import { currentLook } from "../api/looking"
import { Card } from "../ui/Card"
import { PageHead } from "../ui/PageHead"
import { Empty } from "../ui/States"
import { Copies } from "./privacy/Copies"
import { Deletion } from "./privacy/Deletion"
import { Documents } from "./privacy/Documents"
import { Retention } from "./privacy/Retention"
import { StepUp } from "./security/StepUp"

export default function Privacy() {
  if (currentLook()) return <NotForSupport />
  return (
    <StepUp>
      <PageHead title="Privacy" lead="Your data is yours: take it with you, or take it away." />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 xl:grid-cols-2">
        <div className="space-y-5">
          <Copies />
          <Documents />
        </div>
        <div className="space-y-5">
          <Retention />
          <Deletion />
        </div>
      </div>
    </StepUp>
  )
}

function NotForSupport() {
  return (
    <>
      <PageHead title="Privacy" />
      <Card>
        <Empty icon={<EyeOff />} title="This stays with its owner">
          Copies of somebody’s data, and the end of their account, aren’t for support.
        </Empty>
      </Card>
    </>
  )
}
