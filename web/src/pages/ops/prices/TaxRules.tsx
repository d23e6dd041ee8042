// Rules of tax: drafted by one, approved by another; what holds for the same ends where the next one begins.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../../app/prefs'
import { api, must } from '../../../live/api'
import type { TaxRule } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Button } from '../../../parts/Button'
import { Choice } from '../../../parts/Choice'
import { Field } from '../../../parts/Field'
import { FilterField } from '../../../parts/FilterField'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { clock, plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { from, useOps } from '../ops'
import { STATUSES, type Status } from './Books'
import { type Decided, draftColumns } from './drafts'

const w = ops.tax
const CATEGORIES = ['S', 'Z', 'E', 'AE', 'O', 'G', 'K', 'L', 'M'] as const
/** only they have a rate */
const RATED: readonly string[] = ['S', 'L', 'M']

export function TaxRules() {
  const { me } = useOps()
  const prefs = usePrefs()
  const queries = useQueryClient()
  const [country, setCountry] = useState('')
  const [status, setStatus] = useState<'' | Status>('')
  const [drafting, draft] = useState(false)
  const [decided, decide] = useState<Decided<TaxRule> | null>(null)
  const fits = /^[A-Z]{2}$/.test(country)
  const list = useRows<TaxRule>(['ops', 'tax', fits ? country : '', status], (cursor) =>
    must(
      api.GET('/v1/ops/tax-rules', {
        params: { query: { ...(fits ? { country } : {}), ...(status === '' ? {} : { status }), ...from(cursor) } },
      }),
    ),
  )
  const anew = () => void queries.invalidateQueries({ queryKey: ['ops', 'tax'] })
  const c = w.columns
  return (
    <div className={parts.block}>
      <div className={parts.head}>
        <div className={`${parts.row} ${parts.small}`}>
          <FilterField
            label={w.country}
            hint="DE"
            value={country}
            put={(text) => setCountry(text.toUpperCase().slice(0, 2))}
          />
          <Choice
            label={ops.prices.columns.status}
            value={status}
            of={[{ id: '', text: ops.tenants.any }, ...STATUSES.map((id) => ({ id, text: ops.prices.statuses[id] }))]}
            onChange={setStatus}
          />
        </div>
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
          { id: 'no', title: c.no, cell: (row) => row.number },
          { id: 'who', title: c.who, cell: (row) => w.between(plain(row.seller), plain(row.buyer)) },
          {
            id: 'business',
            title: c.business,
            cell: (row) => (row.business === null ? w.either : row.business ? w.business : w.consumer),
          },
          {
            id: 'rate',
            title: c.rate,
            end: true,
            cell: (row) => (row.reverse_charge ? w.reverse : w.percent(row.rate, plain(row.category))),
          },
          {
            id: 'where',
            title: c.where,
            wide: true,
            cell: (row) => (
              <>
                {plain(row.jurisdiction)}
                {row.exemption ? <span className={parts.hint}> {plain(row.exemption)}</span> : null}
              </>
            ),
          },
          ...draftColumns<TaxRule>(c, prefs, me, decide),
        ]}
      />
      {drafting ? (
        <DraftRule
          done={() => {
            draft(false)
            anew()
          }}
          close={() => draft(false)}
        />
      ) : null}
      {decided === null ? null : (
        <Act
          name={`tax:${decided.act}:${decided.of.number}`}
          title={w.decideTitle[decided.act](decided.of.number)}
          go={ops.act[decided.act]}
          danger={decided.act === 'withdraw'}
          run={(reason) =>
            must(
              api.POST(
                decided.act === 'approve' ? '/v1/ops/tax-rules/{no}/approve' : '/v1/ops/tax-rules/{no}/withdraw',
                { params: { path: { no: decided.of.number } }, body: { reason } },
              ),
            )
          }
          done={() => {
            decide(null)
            anew()
          }}
          close={() => decide(null)}
        >
          <p>
            {w.between(plain(decided.of.seller), plain(decided.of.buyer))}:{' '}
            {w.percent(decided.of.rate, plain(decided.of.category))}, {clock(decided.of.valid_from, prefs)}
          </p>
          {decided.of.drafted_why ? <p className={parts.dim}>{plain(decided.of.drafted_why)}</p> : null}
        </Act>
      )}
    </div>
  )
}

function DraftRule({ done, close }: { done: () => void; close: () => void }) {
  const [seller, setSeller] = useState('')
  const [buyer, setBuyer] = useState('')
  const [business, setBusiness] = useState<'either' | 'yes' | 'no'>('either')
  const [category, setCategory] = useState<(typeof CATEGORIES)[number]>('S')
  const [rate, setRate] = useState('')
  const [where, setWhere] = useState('')
  const [exemption, setExemption] = useState('')
  const [begin, setBegin] = useState('')
  const rated = RATED.includes(category)
  const whole =
    /^([A-Z]{2}|\*)$/.test(seller) &&
    /^([A-Z]{2,3}|\*)$/.test(buyer) &&
    /^[A-Za-z0-9-]{1,20}$/.test(where) &&
    begin !== '' &&
    (!rated || /^\d{1,3}(\.\d{1,4})?$/.test(rate))
  return (
    <Act
      name="tax-draft"
      title={w.draftTitle}
      go={w.draft}
      ready={whole}
      run={(reason) =>
        must(
          api.POST('/v1/ops/tax-rules', {
            body: {
              seller,
              buyer,
              category,
              jurisdiction: where,
              valid_from: `${begin}T00:00:00Z`,
              reason,
              ...(business === 'either' ? {} : { business: business === 'yes' }),
              ...(rated ? { rate } : {}),
              ...(exemption.trim() === '' ? {} : { exemption: exemption.trim() }),
            },
          }),
        )
      }
      done={done}
      close={close}
    >
      <div className={parts.fields}>
        <Field
          label={w.seller}
          hint={w.sellerHint}
          value={seller}
          onChange={(t) => setSeller(t.toUpperCase())}
          isRequired
        />
        <Field
          label={w.buyer}
          hint={w.buyerHint}
          value={buyer}
          onChange={(t) => setBuyer(t.toUpperCase())}
          isRequired
        />
        <Choice
          label={w.columns.business}
          value={business}
          of={[
            { id: 'either', text: w.either },
            { id: 'yes', text: w.business },
            { id: 'no', text: w.consumer },
          ]}
          onChange={setBusiness}
        />
        <Choice
          label={w.category}
          value={category}
          of={CATEGORIES.map((id) => ({ id, text: w.categories[id] }))}
          onChange={setCategory}
        />
        {rated ? <Field label={w.rate} value={rate} onChange={setRate} inputMode="decimal" isRequired mono /> : null}
        <Field label={w.jurisdiction} hint={w.jurisdictionHint} value={where} onChange={setWhere} isRequired />
        <Field
          label={ops.prices.begins}
          hint={ops.prices.beginsHint}
          type="date"
          value={begin}
          onChange={setBegin}
          isRequired
        />
      </div>
      <Field label={w.exemption} hint={w.exemptionHint} value={exemption} onChange={setExemption} maxLength={200} />
    </Act>
  )
}
