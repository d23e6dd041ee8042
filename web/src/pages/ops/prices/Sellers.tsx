// Who stands on invoices as the seller: drafted by one, approved by another; what held ends where the next one begins.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../../app/prefs'
import { api, must } from '../../../live/api'
import type { Seller } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Button } from '../../../parts/Button'
import { Field } from '../../../parts/Field'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { words } from '../../../words'
import { clock, plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { from, useOps } from '../ops'
import { type Decided, draftColumns } from './drafts'

const w = ops.sellers

export function Sellers() {
  const { me } = useOps()
  const prefs = usePrefs()
  const queries = useQueryClient()
  const [drafting, draft] = useState(false)
  const [decided, decide] = useState<Decided<Seller> | null>(null)
  const list = useRows<Seller>(['ops', 'sellers'], (cursor) =>
    must(api.GET('/v1/ops/sellers', { params: { query: from(cursor) } })),
  )
  const anew = () => {
    draft(false)
    decide(null)
    void queries.invalidateQueries({ queryKey: ['ops', 'sellers'] })
  }
  const c = w.columns
  return (
    <div className={parts.block}>
      <div className={parts.head}>
        <p className={parts.lead}>{w.lead}</p>
        <Button acts onPress={() => draft(true)}>
          {w.draft}
        </Button>
      </div>
      <List
        label={w.title}
        list={list}
        id={(row) => String(row.number)}
        empty={<strong>{w.empty}</strong>}
        columns={[
          {
            id: 'name',
            title: c.name,
            wide: true,
            cell: (row) => (
              <>
                {plain(row.name)} <span className={parts.hint}>{plain(row.address.replaceAll('\n', ', '))}</span>
              </>
            ),
          },
          { id: 'country', title: c.country, cell: (row) => plain(row.country) },
          {
            id: 'ids',
            title: c.ids,
            wide: true,
            cell: (row) => plain([row.tax_id, row.legal_id].filter(Boolean).join(', ')) || words.none,
          },
          { id: 'iban', title: c.iban, cell: (row) => <code>{plain(row.iban ?? words.none)}</code> },
          ...draftColumns<Seller>(c, prefs, me, decide),
        ]}
      />
      {drafting ? <DraftSeller done={anew} close={() => draft(false)} /> : null}
      {decided === null ? null : (
        <Act
          name={`seller:${decided.act}:${decided.of.number}`}
          title={w.decideTitle[decided.act](plain(decided.of.name))}
          go={ops.act[decided.act]}
          danger={decided.act === 'withdraw'}
          run={(reason) =>
            must(
              api.POST(decided.act === 'approve' ? '/v1/ops/sellers/{no}/approve' : '/v1/ops/sellers/{no}/withdraw', {
                params: { path: { no: decided.of.number } },
                body: { reason },
              }),
            )
          }
          done={anew}
          close={() => decide(null)}
        >
          <p>
            {plain(decided.of.name)}, {plain(decided.of.country)}: {clock(decided.of.valid_from, prefs)}
          </p>
          {decided.of.drafted_why === null ? null : <p className={parts.dim}>{plain(decided.of.drafted_why)}</p>}
        </Act>
      )}
    </div>
  )
}

const NOTHING = { name: '', country: '', address: '', tax_id: '', legal_id: '', email: '', iban: '', bic: '' }

function DraftSeller({ done, close }: { done: () => void; close: () => void }) {
  const [form, setForm] = useState(NOTHING)
  const [begin, setBegin] = useState('')
  const put = (name: keyof typeof NOTHING) => (text: string) => setForm((now) => ({ ...now, [name]: text }))
  const some = (name: keyof typeof NOTHING) => (form[name].trim() === '' ? {} : { [name]: form[name].trim() })
  return (
    <Act
      name="seller-draft"
      title={w.draftTitle}
      go={w.draft}
      ready={form.name.trim() !== '' && /^[A-Z]{2}$/.test(form.country) && begin !== ''}
      run={(reason) =>
        must(
          api.POST('/v1/ops/sellers', {
            body: {
              name: form.name.trim(),
              country: form.country,
              valid_from: `${begin}T00:00:00Z`,
              reason,
              ...some('address'),
              ...some('tax_id'),
              ...some('legal_id'),
              ...some('email'),
              ...some('iban'),
              ...some('bic'),
            },
          }),
        )
      }
      done={done}
      close={close}
    >
      <p>{w.draftWhy}</p>
      <Field label={w.name} value={form.name} onChange={put('name')} maxLength={200} isRequired />
      <label className={parts.field}>
        <span className={parts.label}>{w.address}</span>
        <textarea
          className={`${parts.input} ${parts.lines}`}
          rows={3}
          value={form.address}
          onChange={(e) => put('address')(e.target.value)}
        />
      </label>
      <div className={parts.fields}>
        <Field
          label={w.country}
          value={form.country}
          onChange={(text) => put('country')(text.toUpperCase())}
          maxLength={2}
          isRequired
        />
        <Field label={w.taxId} value={form.tax_id} onChange={put('tax_id')} maxLength={32} mono />
        <Field label={w.legalId} value={form.legal_id} onChange={put('legal_id')} maxLength={100} mono />
        <Field label={words.sign.email} type="email" value={form.email} onChange={put('email')} maxLength={254} />
        <Field label={w.iban} value={form.iban} onChange={put('iban')} maxLength={34} mono />
        <Field label={w.bic} value={form.bic} onChange={put('bic')} maxLength={11} mono />
      </div>
      <Field
        label={ops.prices.begins}
        hint={ops.prices.beginsHint}
        type="date"
        value={begin}
        onChange={setBegin}
        isRequired
      />
    </Act>
  )
}
