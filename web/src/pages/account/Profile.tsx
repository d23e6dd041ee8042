// Who is billed. What is typed stays in the tab until it is saved; what was not touched is not sent.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { mayAccount, useProject } from '../../app/project'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { OwnAccount } from '../../live/types'
import { Button } from '../../parts/Button'
import { Choice } from '../../parts/Choice'
import { DenialCard } from '../../parts/DenialCard'
import { Field } from '../../parts/Field'
import parts from '../../parts/parts.module.css'
import { account as words_ } from '../../words/account'
import { accountKey } from './Account'
import { ADDRESS_LINES, type Billing, changed, type Form, ofBilling } from './billed'

const w = words_.profile
const CYCLES = ['hourly', 'monthly'] as const

export function Profile({ of }: { of: OwnAccount }) {
  return (
    <section className={parts.block} aria-labelledby="profile">
      <h2 id="profile">{w.title}</h2>
      {of.billing === null ? <p className={parts.dim}>{w.hidden}</p> : <Known id={of.id} billing={of.billing} />}
    </section>
  )
}

function Known({ id, billing }: { id: string; billing: Billing }) {
  const project = useProject()
  const queries = useQueryClient()
  const able = mayAccount(project, 'account.own')
  const was = ofBilling(billing)
  const [form, setForm] = useState<Form>(was)
  const put = (name: keyof Form) => (value: string) => setForm((now) => ({ ...now, [name]: value }))
  const wish = changed(was, form)
  const some = Object.keys(wish).length > 0
  const lines = form.address.split('\n').filter((line) => line.trim() !== '').length
  const act = useMutation({
    mutationFn: () => must(api.PATCH('/v1/accounts/{id}', { params: { path: { id } }, body: { billing: wish } })),
    onSuccess: () => void queries.invalidateQueries({ queryKey: accountKey(id) }),
  })
  const off = { isReadOnly: !able }
  return (
    <form
      className={`${parts.card} ${parts.pad} ${parts.form}`}
      onSubmit={(e) => {
        e.preventDefault()
        act.mutate()
      }}
    >
      <p className={parts.lead}>{able ? w.lead : w.noRight}</p>
      <div className={parts.fields}>
        <Field label={w.legalName} value={form.legal_name} onChange={put('legal_name')} maxLength={200} {...off} />
        <label className={parts.field}>
          <span className={parts.label}>{w.address}</span>
          <textarea
            className={`${parts.input} ${parts.lines}`}
            rows={3}
            value={form.address}
            readOnly={!able}
            onChange={(e) => put('address')(e.target.value)}
          />
          <span className={lines > ADDRESS_LINES ? parts.error : parts.hint}>{w.addressHint}</span>
        </label>
        <Field
          label={w.country}
          hint={w.countryHint}
          value={form.country}
          onChange={(text) => put('country')(text.toUpperCase())}
          maxLength={2}
          {...off}
        />
        <Field
          label={w.taxId}
          hint={w.taxIdHint}
          value={form.tax_id}
          onChange={put('tax_id')}
          maxLength={32}
          mono
          {...off}
        />
        <Field
          label={w.currency}
          hint={billing.currency_stays === true ? w.currencyStays : w.currencyHint}
          value={form.currency}
          onChange={(text) => put('currency')(text.toUpperCase())}
          maxLength={3}
          isReadOnly={!able || billing.currency_stays === true}
        />
        <Choice
          label={w.cycle}
          value={CYCLES.find((one) => one === form.billing_cycle) ?? 'monthly'}
          of={CYCLES.map((one) => ({ id: one, text: w.cycles[one] }))}
          onChange={put('billing_cycle')}
          disabled={!able}
        />
        <Field
          label={w.email}
          hint={w.emailHint}
          type="email"
          value={form.invoice_email}
          onChange={put('invoice_email')}
          maxLength={254}
          {...off}
        />
        <Field
          label={w.order}
          hint={w.orderHint}
          value={form.purchase_order}
          onChange={put('purchase_order')}
          maxLength={100}
          {...off}
        />
      </div>
      {act.error === null ? null : <DenialCard fail={asFail(act.error)} />}
      {able ? (
        <div className={parts.row}>
          <Button
            type="submit"
            kind="primary"
            acts
            isDisabled={!some || lines > ADDRESS_LINES}
            isPending={act.isPending}
          >
            {words_.save}
          </Button>
          {act.isSuccess && !some ? <span role="status">{words_.saved}</span> : null}
        </div>
      ) : null}
    </form>
  )
}
