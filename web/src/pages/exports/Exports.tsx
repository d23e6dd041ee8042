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
import { Glyph, type Look } from '../../parts/StateWord'
import { useWho } from '../../parts/useWho'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { bytes, clock, plain, short } from '../../words/format'
import { lastMonths } from '../../words/months'
import css from './exports.module.css'

const w = billing.exports
const MONTHS = 13
const LOOKS: Record<string, Look> = {
  queued: 'change',
  running: 'change',
  ready: 'good',
  failed: 'fault',
  cancelled: 'ended',
  removed: 'ended',
}
const open = (state: string) => state === 'queued' || state === 'running'

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
  const some = list.rows?.some((row) => open(row.state)) ?? false
  if (some !== watched) watch(some)
  const cancel = useMutation({
    mutationFn: (id: string) =>
      must(api.POST('/v1/accounts/{id}/exports/{export}/cancel', { params: { path: { id: account, export: id } } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['exports', account] }),
  })
  const fetchIt = useMutation({
    mutationFn: async (id: string) => {
      const one = await must(
        api.GET('/v1/accounts/{id}/exports/{export}', { params: { path: { id: account, export: id } } }),
      )
      if (one.download === null) return
      // it leads to this deployment alone, and neither cookie nor key goes with it
      const url = new URL(one.download.url)
      location.assign(new URL(url.pathname + url.search, location.origin))
    },
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
            cell: (row) => `${plain(row.dataset)}, ${plain(row.format)}`,
          },
          { id: 'months', title: c.months, cell: (row) => months(row) },
          {
            id: 'state',
            title: c.state,
            cell: (row) => (
              <>
                <span
                  className={`${parts.state} ${parts[LOOKS[row.state] ?? 'change']} ${open(row.state) ? '' : parts.still}`}
                >
                  <Glyph look={LOOKS[row.state] ?? 'change'} />
                  {w.states[row.state] ?? plain(row.state)}
                </span>
                {row.why === null ? null : <p className={parts.error}>{plain(row.why)}</p>}
                {row.state === 'ready' && row.expires_at !== null ? (
                  <p className={parts.hint}>{w.until(clock(row.expires_at, prefs))}</p>
                ) : null}
              </>
            ),
          },
          {
            id: 'rows',
            title: c.rows,
            end: true,
            cell: (row) => (open(row.state) ? w.of(row.rows_done, row.rows_total) : row.rows_done.toLocaleString('en')),
          },
          {
            id: 'size',
            title: c.size,
            end: true,
            cell: (row) =>
              row.bytes === null ? (
                words.none
              ) : (
                <span title={`SHA-256 ${row.sha256 ?? ''}`}>
                  {bytes(row.bytes)}
                  {row.sha256 === null ? null : <p className={`${parts.hint} ${parts.mono}`}>{short(row.sha256)}</p>}
                </span>
              ),
          },
          { id: 'by', title: c.by, cell: (row) => `${whoWord(row.asked_by)}, ${clock(row.asked_at, prefs)}` },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) =>
              open(row.state) ? (
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
    </div>
  )
}

/** from 2026-11 to 2026-12, not included: one month. */
function months({ from, to }: Export): string {
  const first = from?.slice(0, 7) ?? words.none
  const last = to === null ? first : new Date(Date.parse(to) - 1).toISOString().slice(0, 7)
  return first === last ? first : `${first} to ${last}`
}

function Order({ able }: { able: boolean }) {
  const { account } = useProject()
  const queries = useQueryClient()
  const offered = lastMonths(new Date(), MONTHS).map((id) => ({ id, text: id }))
  const [format, setFormat] = useState<'csv' | 'jsonl'>('csv')
  const [from, setFrom] = useState(offered[0]?.id ?? '')
  const [to, setTo] = useState(offered[0]?.id ?? '')
  const [wish, setWish] = useState(once)
  const act = useMutation({
    mutationFn: () =>
      must(
        api.POST('/v1/accounts/{id}/exports', {
          params: { path: { id: account }, header: { 'Idempotency-Key': wish } },
          body: { dataset: 'cost', format, from, to },
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
        <Choice
          label={w.dataset}
          value="cost"
          of={[{ id: 'cost', text: w.datasets.cost }]}
          onChange={() => undefined}
          disabled={!able}
        />
        <Choice
          label={w.format}
          value={format}
          of={[
            { id: 'csv', text: w.formats.csv },
            { id: 'jsonl', text: w.formats.jsonl },
          ]}
          onChange={setFormat}
          disabled={!able}
        />
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
