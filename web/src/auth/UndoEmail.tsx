import { api, ask } from "../api/client"
import { Button, buttonClass } from "../ui/Button"
import { Heading } from "./Frame"
import { fragment } from "./fragment"
import { FormProblem } from "./Notice"
import { useSubmit } from "./useSubmit"

/** Takes a change of address back, from the old mailbox. It asks first: it signs everybody out. */
export default function UndoEmail() {
  const token = fragment()
  const { busy, error, answer, onSubmit } = useSubmit(() =>
    ask(api.POST("/api/user/email/undo", { body: { token } })),
  )
  if (answer) {
    return (
      <>
        <Heading title="The change is undone">
          Everybody is signed out, the old password opens nothing any more, and second steps that were added
          since the day before the change are gone. Choose a new password now.
        </Heading>
        <a href="/forgot" className={buttonClass("primary", "lg", "w-full")}>
          Choose a new password
        </a>
      </>
    )
  }
  return (
    <>
      <Heading title="Keep your old address?">
        If you didn’t ask for another e-mail address, undo it. Every device is signed out, and you choose a
        new password.
      </Heading>
      <form onSubmit={onSubmit} className="space-y-4">
        <FormProblem error={error} />
        <Button look="primary" size="lg" type="submit" className="w-full" busy={busy} disabled={!token}>
          Undo the change
        </Button>
      </form>
    </>
  )
}
