// The bank's files (camt.053): handed in once, read within seconds; what names no invoice is looked at by somebody.
import { useQueryClient } from '@tanstack/react-query'
import { type ChangeEvent, useState } from 'react'
import { api, must } from '../../../live/api'
import type { BankEntry } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Amount } from '../../../parts/Amount'
import { Button } from '../../../parts/Button'
import { Choice } from '../../../parts/Choice'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import type { Look } from '../../../parts/StateWord'
import { words } from '../../../words'
import { bytes, plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { from } from '../ops'
import { Word } from '../parts'

const w = ops.bank
/** as sdk/openapi.yaml has it */
const FILE_MAX = 786_432
const OUTCOMES = ['paid', 'unmatched', 'out'] as const
type Outcome = (typeof OUTCOMES)[number]
const LOOKS: Record<Outcome, Look> = { paid: 'good', unmatched: 'fault', out: 'ended' }

export function Bank() {
  const queries = useQueryClient()
  const [outcome, setOutcome] = useState<'' | Outcome>('')
  const [handing, hand] = useState(false)
  const [said, say] = useState<string | null>(null)
  const list = useRows<BankEntry>(
    ['ops', 'bank', outcome],
    (cursor) =>
      must(
        api.GET('/v1/ops/bank-entries', {
          params: { query: { ...(outcome === '' ? {} : { outcome }), ...from(cursor) } },
        }),
      ),
    { every: 10_000 },
  )
  const c = w.columns
  return (
    <div className={parts.block}>
      <div className={parts.head}>
        <div className={parts.small}>
          <Choice
            label={c.outcome}
            value={outcome}
            of={[{ id: '', text: ops.tenants.any }, ...OUTCOMES.map((id) => ({ id, text: w.outcomes[id] }))]}
            onChange={setOutcome}
          />
        </div>
        <div className={parts.row}>
          {said === null ? null : <span role="status">{said}</span>}
          <Button acts onPress={() => hand(true)}>
            {w.hand}
          </Button>
        </div>
      </div>
      <List
        label={w.title}
        list={list}
        id={(row) => String(row.entry)}
        empty={
          <>
            <strong>{w.empty}</strong>
            <p>{w.emptyWhy}</p>
          </>
        }
        columns={[
          { id: 'day', title: c.day, cell: (row) => row.booked_on },
          {
            id: 'amount',
            title: c.amount,
            end: true,
            cell: (row) => <Amount value={row.amount} currency={row.currency} short />,
          },
          { id: 'words', title: c.words, wide: true, cell: (row) => plain(row.words) },
          {
            id: 'number',
            title: c.number,
            cell: (row) => <span className={parts.mono}>{plain(row.number ?? words.none)}</span>,
          },
          {
            id: 'outcome',
            title: c.outcome,
            cell: (row) => <Word look={LOOKS[row.outcome]}>{w.outcomes[row.outcome]}</Word>,
          },
          { id: 'why', title: c.why, wide: true, cell: (row) => plain(row.why) },
          { id: 'file', title: c.file, end: true, cell: (row) => row.file },
        ]}
      />
      {handing ? (
        <HandIn
          done={(text) => {
            hand(false)
            say(text)
            void queries.invalidateQueries({ queryKey: ['ops', 'bank'] })
          }}
          close={() => hand(false)}
        />
      ) : null}
    </div>
  )
}

function HandIn({ done, close }: { done: (said: string) => void; close: () => void }) {
  const [file, setFile] = useState<{ name: string; text: string } | null>(null)
  const [wrong, setWrong] = useState<string | null>(null)
  const take = async (event: ChangeEvent<HTMLInputElement>) => {
    const one = event.target.files?.[0]
    setFile(null)
    setWrong(null)
    if (one === undefined) return
    if (one.size > FILE_MAX) setWrong(w.tooLarge(bytes(one.size), bytes(FILE_MAX)))
    else setFile({ name: one.name, text: await one.text() })
  }
  return (
    <Act
      name="bank-file"
      title={w.hand}
      go={w.hand}
      ready={file !== null}
      run={(reason) => must(api.POST('/v1/ops/bank-files', { body: { file: file?.text ?? '', reason } }))}
      done={({ file: no, again, state, outcome }) =>
        done(again ? w.again(no) : w.taken(no, ops.invoices.orderStates[state], plain(outcome ?? '')))
      }
      close={close}
    >
      <p>{w.handWhy}</p>
      <label className={parts.field}>
        <span className={parts.label}>{w.file}</span>
        <input type="file" accept=".xml,application/xml,text/xml" onChange={(e) => void take(e)} />
      </label>
      {wrong === null ? null : (
        <p className={parts.error} role="alert">
          {wrong}
        </p>
      )}
    </Act>
  )
}
