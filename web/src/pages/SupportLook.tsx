// For Flint's staff: with a code that somebody reads out, what they see is seen here, for an hour at most.
import { api, ask } from "../api/client"
import { beginLook } from "../api/looking"
import { FormProblem } from "../auth/Notice"
import { useSubmit } from "../auth/useSubmit"
import { Button } from "../ui/Button"
import { Card } from "../ui/Card"
import { Input, TextArea } from "../ui/Field"
import { Staff } from "./admin/Staff"
import { useGuard } from "./security/StepUp"

export default function SupportLook() {
  return (
    <Staff
      title="Look with a code"
      lead="You see what the person sees, and change nothing. They are told, and each look is recorded."
    >
      <Card className="max-w-lg">
        <Form />
      </Card>
    </Staff>
  )
}

function Form() {
  const guard = useGuard()
  const { busy, error, answer, onSubmit } = useSubmit(async ({ code = "", reason = "" }) => {
    const body = { code: code.trim(), reason: reason.trim() }
    const look = await guard(() => ask(api.POST("/api/admin/support/sessions", { body })))
    beginLook(look)
    return look
  })
  return (
    <form onSubmit={onSubmit} className="space-y-4">
      <FormProblem error={error} />
      <Input
        label="Their code"
        name="code"
        required
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        placeholder="XXXX-XXXX-XXXX"
        maxLength={40}
        error={error?.field("code")}
      />
      <TextArea
        label="Why"
        name="reason"
        required
        minLength={3}
        maxLength={1000}
        rows={3}
        hint="The person reads it in their log. Name the request that they wrote."
        error={error?.field("reason")}
      />
      <Button look="primary" type="submit" busy={busy || answer !== undefined}>
        Begin to look
      </Button>
    </form>
  )
}
