// One transaction: what the bank said, what the person says. Edits save by themselves
// on leaving a field; deleting can be undone for eight seconds, before it is sent.
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { Trash2 } from "lucide-react"
import { useEffect, useState } from "react"
import { api, ask } from "../api/client"
import type { Transaction } from "../api/types"
import { fullDay } from "../format/dates"
import { money, quantity } from "../format/money"
import { label, merchantName, via } from "../format/words"
import { Button } from "../ui/Button"
import { Field } from "../ui/Detail"
import { Input, Select, TextArea } from "../ui/Field"
import { Figure } from "../ui/Figure"
import { Drawer } from "../ui/Overlay"
import { Pill } from "../ui/Pill"
import { useSay } from "../ui/Toasts"
import { categories } from "./categories"
import { useDelete } from "./useDelete"

type Edit = { category?: string; note?: string; merchant?: string }

export function TransactionDrawer({
  transaction,
  onClose,
}: {
  transaction: Transaction | undefined
  onClose: () => void
}) {
  const remove = useDelete()
  return (
    <Drawer
      open={transaction !== undefined}
      onClose={onClose}
      title={merchantName(transaction?.merchant ?? "") || transaction?.description || "Transaction"}
      footer={
        transaction && (
          <Button
            look="danger"
            writes
            icon={<Trash2 />}
            onClick={() => {
              onClose()
              remove(transaction)
            }}
          >
            Delete
          </Button>
        )
      }
    >
      {transaction && <Body key={transaction.id} t={transaction} />}
    </Drawer>
  )
}

function useEdit(t: Transaction) {
  const client = useQueryClient()
  const say = useSay()
  return useMutation({
    mutationFn: (body: Edit) =>
      ask(api.PATCH("/api/transactions/{id}", { params: { path: { id: t.id } }, body })),
    onSettled: () => client.invalidateQueries({ queryKey: ["transactions"] }),
    onError: (e) => say(e.message, { bad: true }),
  })
}

function Body({ t }: { t: Transaction }) {
  const edit = useEdit(t)
  const [note, setNote] = useState(t.note)
  const [merchant, setMerchant] = useState(t.merchant)
  useEffect(() => setNote(t.note), [t.note])
  useEffect(() => setMerchant(t.merchant), [t.merchant])
  const amount = { amount: t.amount, currency: t.currency }
  return (
    <div className="space-y-6">
      <div>
        <p className="text-2xl font-semibold">
          <Figure value={amount} sign={!t.amount.startsWith("-")} colour />
        </p>
        <p className="mt-1 flex items-center gap-2 text-ink-2">
          {fullDay(t.date)}
          {t.status === "pending" && <Pill tone="busy">Pending: the amount may still change</Pill>}
        </p>
        {t.maybeDuplicateOf && (
          <p className="mt-3 rounded-md bg-warn-soft px-3 py-2 text-sm text-warn">
            This looks like another row of the same day and amount. If it’s there twice, delete one.
          </p>
        )}
      </div>
      <div className="space-y-4">
        <Input
          label="Name"
          value={merchant}
          maxLength={120}
          placeholder={t.description}
          onChange={(e) => setMerchant(e.target.value)}
          onBlur={() => merchant.trim() !== t.merchant && edit.mutate({ merchant: merchant.trim() })}
        />
        <Select
          label="Category"
          value={t.category}
          onChange={(e) => edit.mutate({ category: e.target.value })}
          disabled={edit.isPending}
        >
          <option value="">None</option>
          {t.category && !categories.includes(t.category) && (
            <option value={t.category}>{label(t.category)}</option>
          )}
          {categories.map((c) => (
            <option key={c} value={c}>
              {label(c)}
            </option>
          ))}
        </Select>
        <TextArea
          label="Note"
          rows={3}
          value={note}
          maxLength={500}
          onChange={(e) => setNote(e.target.value)}
          onBlur={() => note.trim() !== t.note && edit.mutate({ note: note.trim() })}
          hint={edit.isPending ? "Saving…" : edit.isSuccess ? "Saved." : "Saved when you leave the field."}
        />
      </div>
      <dl className="space-y-3 border-t border-line pt-5">
        <Field name="Account">
          <Link to="/accounts/$accountId" params={{ accountId: t.accountId }} className="prose-link">
            {t.accountName}
          </Link>
        </Field>
        <Field name="As the bank wrote it">{t.description || "—"}</Field>
        {t.type && <Field name="Kind">{label(t.type)}</Field>}
        {t.symbol && <Field name="Symbol">{t.symbol}</Field>}
        {t.quantity && <Field name="Quantity">{quantity(t.quantity)}</Field>}
        {t.price && <Field name="Price">{money({ amount: t.price, currency: t.currency })}</Field>}
        {t.fee && <Field name="Fee">{money({ amount: t.fee, currency: t.currency })}</Field>}
        <Field name="Came">
          {t.source === "provider"
            ? `via ${via(t.provider)}`
            : t.source === "import"
              ? "from an imported file"
              : "by hand"}
        </Field>
      </dl>
    </div>
  )
}
