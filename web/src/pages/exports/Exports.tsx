// What was charged, as files: ordered, watched, cancelled, fetched.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../app/prefs'
import { mayAccount, useProject } from '../../app/project'
import { rolesWith } from '../../app/rights'
import { api, must, once } from '../../live/api'
import { asFail } from '../../live/fail'
import type { Export } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Button } from '../../parts/Button'
import { Choice } from '../../parts/Choice'
import { DenialCard } from '../../parts/DenialCard'
import { List } from '../../parts/List'
import { OfAccount } from '../../parts/OfAccount'
import parts from '../../parts/parts.module.css'
import { Glyph } from '../../parts/StateWord'
import { useWho } from '../../parts/useWho'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { clock, plain } from '../../words/format'
import { lastMonths } from '../../words/months'
import { Bucket } from './Bucket'
import css from './exports.module.css'
import { EXPORT_LOOKS, exportMonths, exportOpen, exportRows, fetchFile, Size } from './made'
import { DATASETS, FORMATS, what } from './offered'
import { Schedules } from './Schedules'

const w = billing.exports
const MONTHS = 13

export default function Exports() {
  return (
    <OfAccount right="billing.read">
      <Known />
    </OfAccount>
  )
}

function Known() {
  const project = useProject()
  const { account } = project
  const prefs = usePrefs()
  const whoWord = useWho()
  const queries = useQueryClient()
  const [watched, watch] = useState(false)
  const able = mayAccount(project, 'billing.change')
  const list = useRows<Export>(
    ['exports', account],
    (cursor) =>
      must(
        api.GET('/v1/accounts/{id}/exports', {
          params: { path: { id: account }, query: { limit: 50, ...(cursor === null ? {} : { cursor }) } },
        }),
      ),
    { every: watched ? 1000 : 15_000 },
  )
  const some = list.rows?.some((row) => exportOpen(row.state)) ?? false
  if (some !== watched) watch(some)
  const cancel = useMutation({
    mutationFn: (id: string) =>
      must(api.POST('/v1/accounts/{id}/exports/{export}/cancel', { params: { path: { id: account, export: id } } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['exports', account] }),
  })
  const fetchIt = useMutation({
    mutationFn: async (id: string) =>
      fetchFile(
        await must(api.GET('/v1/accounts/{id}/exports/{export}', { params: { path: { id: account, export: id } } })),
      ),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['exports', account] }),
  })
  const fault = cancel.error ?? fetchIt.error
  const c = w.columns
  return (
    <div className={parts.page}>
      <div className={parts.block}>
        <h1>{w.title}</h1>
        <p className={parts.lead}>{able ? w.lead : words.noRight.act(rolesWith('billing.change'))}</p>
      </div>
      <Order able={able} />
      {fault === null ? null : <DenialCard fail={asFail(fault)} />}
      <List<Export>
        label={w.title}
        list={list}
        id={(row) => row.id}
        empty={
          <>
            <strong>{w.empty}</strong>
            <p>{w.emptyCure}</p>
          </>
        }
        columns={[
          {
            id: 'what',
            title: c.what,
            cell: (row) => what(row),
          },
          { id: 'months', title: c.months, cell: (row) => exportMonths(row) },
          {
            id: 'state',
            title: c.state,
            cell: (row) => (
              <>
                <span
                  className={`${parts.state} ${parts[EXPORT_LOOKS[row.state] ?? 'change']} ${exportOpen(row.state) ? '' : parts.still}`}
                >
                  <Glyph look={EXPORT_LOOKS[row.state] ?? 'change'} />
                  {w.states[row.state] ?? plain(row.state)}
                </span>
                {row.why === null ? null : <p className={parts.error}>{plain(row.why)}</p>}
                {row.state === 'ready' && row.expires_at !== null ? (
                  <p className={parts.hint}>{w.until(clock(row.expires_at, prefs))}</p>
                ) : null}
                <Delivered row={row} />
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
          { id: 'by', title: c.by, cell: (row) => `${whoWord(row.asked_by)}, ${clock(row.asked_at, prefs)}` },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) =>
              exportOpen(row.state) ? (
                <Button
                  kind="quietDanger"
                  acts
                  isDisabled={!able || cancel.isPending}
                  onPress={() => cancel.mutate(row.id)}
                >
                  {w.cancel}
                </Button>
              ) : row.state === 'ready' ? (
                <Button isPending={fetchIt.isPending} onPress={() => fetchIt.mutate(row.id)}>
                  {w.download}
                </Button>
              ) : null,
          },
        ]}
      />
      <Schedules />
      <Bucket />
    </div>
  )
}

/** Of one that is put into the account's bucket: what became of that. */
function Delivered({ row }: { row: Export }) {
  const d = row.delivery
  if (d === undefined || d === null) return null
  if (d.state === 'failed') return <p className={parts.error}>{w.undelivered(plain(d.why ?? ''))}</p>
  return <p className={parts.hint}>{d.state === 'delivered' ? w.into(plain(d.object ?? '')) : w.delivering}</p>
}

function Order({ able }: { able: boolean }) {
  const { account } = useProject()
  const queries = useQueryClient()
  const offered = lastMonths(new Date(), MONTHS).map((id) => ({ id, text: id }))
  const [dataset, setDataset] = useState<string>(DATASETS[0].id)
  const [format, setFormat] = useState<string>(FORMATS[0].id)
  const [from, setFrom] = useState(offered[0]?.id ?? '')
  const [to, setTo] = useState(offered[0]?.id ?? '')
  const [wish, setWish] = useState(once)
  const act = useMutation({
    mutationFn: () =>
      must(
        api.POST('/v1/accounts/{id}/exports', {
          params: { path: { id: account }, header: { 'Idempotency-Key': wish } },
          body: { dataset, format, from, to },
        }),
      ),
    onSuccess: () => {
      setWish(once())
      void queries.invalidateQueries({ queryKey: ['exports', account] })
    },
  })
  return (
    <form
      className={`${parts.card} ${css.order}`}
      onSubmit={(e) => {
        e.preventDefault()
        act.mutate()
      }}
    >
      <div className={css.fields}>
        <Choice label={w.dataset} value={dataset} of={DATASETS} onChange={setDataset} disabled={!able} />
        <Choice label={w.format} value={format} of={FORMATS} onChange={setFormat} disabled={!able} />
        <Choice
          label={w.from}
          value={from}
          of={offered}
          onChange={(now) => {
            setFrom(now)
            if (to < now) setTo(now)
          }}
          disabled={!able}
        />
        <Choice label={w.to} value={to} of={offered.filter(({ id }) => id >= from)} onChange={setTo} disabled={!able} />
        <Button type="submit" kind="primary" acts isDisabled={!able} isPending={act.isPending}>
          {w.order}
        </Button>
      </div>
      {act.error === null ? null : <DenialCard fail={asFail(act.error)} />}
    </form>
  )
}
