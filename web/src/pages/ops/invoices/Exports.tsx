// The books of a legal entity as files: ordered with a reason, watched, cancelled, fetched after the second factor.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../../app/prefs'
import { api, must } from '../../../live/api'
import { asFail } from '../../../live/fail'
import type { Export } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Button } from '../../../parts/Button'
import { Choice } from '../../../parts/Choice'
import { DenialCard } from '../../../parts/DenialCard'
import { Dialog } from '../../../parts/Dialog'
import { Field } from '../../../parts/Field'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { words } from '../../../words'
import { billing } from '../../../words/billing'
import { clock, plain } from '../../../words/format'
import { lastMonths } from '../../../words/months'
import { ops } from '../../../words/ops'
import { EXPORT_LOOKS, exportMonths, exportOpen, exportRows, fetchFile, Size } from '../../exports/made'
import { Act, Prove } from '../Act'
import { from } from '../ops'
import { Word } from '../parts'

const w = ops.exports
const MONTHS = 13
const DATASETS = Object.entries(w.datasets).map(([id, text]) => ({ id, text }))
const FORMATS = Object.entries(billing.exports.formats).map(([id, text]) => ({ id, text }))
const named = (of: readonly { id: string; text: string }[], id: string) =>
  of.find((one) => one.id === id)?.text ?? plain(id)

export function Exports() {
  const queries = useQueryClient()
  const prefs = usePrefs()
  const [ordering, order] = useState(false)
  const [cancelling, cancel] = useState<Export | null>(null)
  const [watched, watch] = useState(false)
  const list = useRows<Export>(
    ['ops', 'exports'],
    (cursor) => must(api.GET('/v1/ops/exports', { params: { query: from(cursor) } })),
    { every: watched ? 1000 : 15_000 },
  )
  const some = list.rows?.some((row) => exportOpen(row.state)) ?? false
  if (some !== watched) watch(some)
  const again = () => void queries.invalidateQueries({ queryKey: ['ops', 'exports'] })
  const fetchIt = useMutation({
    mutationFn: async (id: string) =>
      fetchFile(await must(api.GET('/v1/ops/exports/{export}', { params: { path: { export: id } } }))),
    onSettled: again,
  })
  const fault = fetchIt.error === null ? null : asFail(fetchIt.error)
  const unproven = fault?.rule === 'proof.needed'
  const c = w.columns
  return (
    <div className={parts.block}>
      <div className={parts.head}>
        <p className={parts.lead}>{w.lead}</p>
        <Button acts onPress={() => order(true)}>
          {w.order}
        </Button>
      </div>
      {fault === null || unproven ? null : <DenialCard fail={fault} />}
      <List<Export>
        label={w.title}
        list={list}
        id={(row) => row.id}
        empty={<strong>{w.empty}</strong>}
        columns={[
          {
            id: 'what',
            title: c.what,
            cell: (row) => `${named(DATASETS, row.dataset)}, ${named(FORMATS, row.format)}`,
          },
          { id: 'entity', title: c.entity, end: true, cell: (row) => row.entity ?? words.none },
          { id: 'months', title: c.months, cell: (row) => exportMonths(row) },
          {
            id: 'state',
            title: c.state,
            cell: (row) => (
              <>
                <Word look={EXPORT_LOOKS[row.state] ?? 'change'}>
                  {billing.exports.states[row.state] ?? plain(row.state)}
                </Word>
                {row.why === null ? null : <p className={parts.error}>{plain(row.why)}</p>}
              </>
            ),
          },
          {
            id: 'rows',
            title: c.rows,
            end: true,
            cell: exportRows,
          },
          {
            id: 'size',
            title: c.size,
            end: true,
            cell: (row) => <Size row={row} />,
          },
          { id: 'by', title: c.by, cell: (row) => `${plain(row.asked_by)}, ${clock(row.asked_at, prefs)}` },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) =>
              exportOpen(row.state) ? (
                <Button kind="quietDanger" acts onPress={() => cancel(row)}>
                  {billing.exports.cancel}
                </Button>
              ) : row.state === 'ready' ? (
                <Button isPending={fetchIt.isPending} onPress={() => fetchIt.mutate(row.id)}>
                  {billing.exports.download}
                </Button>
              ) : null,
          },
        ]}
      />
      {ordering ? (
        <Order
          done={() => {
            order(false)
            again()
          }}
          close={() => order(false)}
        />
      ) : null}
      {cancelling === null ? null : (
        <Act
          name={`export-cancel:${cancelling.id}`}
          title={w.cancelTitle}
          go={billing.exports.cancel}
          danger
          run={(reason) =>
            must(
              api.POST('/v1/ops/exports/{export}/cancel', {
                params: { path: { export: cancelling.id } },
                body: { reason },
              }),
            )
          }
          done={() => {
            cancel(null)
            again()
          }}
          close={() => cancel(null)}
        />
      )}
      {unproven ? (
        <Dialog title={billing.exports.download} open onClose={fetchIt.reset}>
          <Prove
            again={() => {
              const id = fetchIt.variables
              if (id !== undefined) fetchIt.mutate(id)
            }}
            close={fetchIt.reset}
          />
        </Dialog>
      ) : null}
    </div>
  )
}

function Order({ done, close }: { done: () => void; close: () => void }) {
  const months = lastMonths(new Date(), MONTHS).map((id) => ({ id, text: id }))
  /* the one that is over: what stands at a month's end is asked of no other */
  const before = months[1]?.id ?? months[0]?.id ?? ''
  const [dataset, setDataset] = useState(DATASETS[0]?.id ?? '')
  const [format, setFormat] = useState(FORMATS[0]?.id ?? '')
  const [first, setFirst] = useState(before)
  const [last, setLast] = useState(before)
  const [entity, setEntity] = useState('')
  const wrong = entity !== '' && !/^[1-9]\d{0,4}$/.test(entity)
  return (
    <Act
      name="export"
      title={w.orderTitle}
      go={w.order}
      ready={!wrong}
      run={(reason, wish) =>
        must(
          api.POST('/v1/ops/exports', {
            params: { header: { 'Idempotency-Key': wish } },
            body: {
              dataset,
              format,
              from: first,
              to: last,
              reason,
              ...(entity === '' ? {} : { entity: Number(entity) }),
            },
          }),
        )
      }
      done={done}
      close={close}
    >
      <Choice label={billing.exports.dataset} value={dataset} of={DATASETS} onChange={setDataset} />
      <Choice label={billing.exports.format} value={format} of={FORMATS} onChange={setFormat} />
      <Choice
        label={billing.exports.from}
        value={first}
        of={months}
        onChange={(now) => {
          setFirst(now)
          if (last < now) setLast(now)
        }}
      />
      <Choice label={billing.exports.to} value={last} of={months.filter(({ id }) => id >= first)} onChange={setLast} />
      <Field
        label={w.entity}
        hint={w.entityHint}
        value={entity}
        onChange={setEntity}
        isInvalid={wrong}
        inputMode="numeric"
        maxLength={5}
        autoComplete="off"
        mono
      />
    </Act>
  )
}
