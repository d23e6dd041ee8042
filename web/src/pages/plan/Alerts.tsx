// What is to be told of the month's bounds, and what was.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../app/prefs'
import { mayAccount, useProject } from '../../app/project'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { Alert, Alerts as Told } from '../../live/types'
import { useDraft } from '../../live/useDraft'
import { useRows } from '../../live/useRows'
import { Button } from '../../parts/Button'
import { DenialCard } from '../../parts/DenialCard'
import { Field } from '../../parts/Field'
import { List } from '../../parts/List'
import parts from '../../parts/parts.module.css'
import { billing } from '../../words/billing'
import { clock, plain } from '../../words/format'
import css from './plan.module.css'

const w = billing.plan
const MOST = 10
type Page = Omit<Told, 'rows'> & { rows: Alert[] }
type Setting = Told['settings'][number]

/** Each once, in order; null: it is no such list. */
export function percentsOf(text: string): number[] | null {
  const said = text.split(/[\s,]+/).filter((word) => word !== '')
  const all = said.map((word) => (/^\d{1,3}$/.test(word) ? Number.parseInt(word, 10) : 0))
  const right = all.every((n) => n >= 1 && n <= 100) && new Set(all).size === all.length && all.length <= MOST
  return right ? all.sort((a, b) => a - b) : null
}

export function Alerts() {
  const { account } = useProject()
  const list = useRows<Alert, Page>(
    ['alerts', account],
    (cursor) =>
      must(
        api.GET('/v1/accounts/{id}/alerts', {
          params: { path: { id: account }, query: { limit: 20, ...(cursor === null ? {} : { cursor }) } },
        }),
      ),
    { every: 30_000 },
  )
  const prefs = usePrefs()
  const setting = list.first?.settings.find((one) => one.project === null)
  const c = w.alertColumns
  return (
    <section className={parts.block} aria-labelledby="alerts">
      <h2 id="alerts">{w.alerts}</h2>
      {setting === undefined ? null : <Change key={JSON.stringify(setting)} setting={setting} />}
      <h3>{w.told}</h3>
      <List<Alert>
        label={w.told}
        list={list}
        id={(row) => String(row.no)}
        empty={<span className={parts.dim}>{w.noAlerts}</span>}
        columns={[
          { id: 'at', title: c.at, cell: (row) => clock(row.at, prefs) },
          { id: 'what', title: c.what, cell: (row) => w.alertKinds[row.kind](row.mark) },
          {
            id: 'of',
            title: c.of,
            cell: (row) => `${w.budgets[row.budget]}, ${row.project === null ? w.account : plain(row.project)}`,
          },
          { id: 'used', title: c.used, end: true, cell: (row) => `${row.used} ${plain(row.unit)}` },
          { id: 'bound', title: c.bound, end: true, cell: (row) => `${row.bound} ${plain(row.unit)}` },
        ]}
      />
    </section>
  )
}

function Change({ setting }: { setting: Setting }) {
  const project = useProject()
  const { account } = project
  const queries = useQueryClient()
  const able = mayAccount(project, 'billing.change')
  const [percents, setPercents, forgetPercents] = useDraft(`alert-percents:${account}`, setting.percents.join(', '))
  const [times, setTimes, forgetTimes] = useDraft(
    `alert-times:${account}`,
    setting.times === null ? '' : `${setting.times}`,
  )
  const [ends, setEnds] = useState(setting.ends)
  const [muted, setMuted] = useState(setting.muted)
  const some = percentsOf(percents)
  const usual = times.trim() === '' ? null : /^\d{1,4}$/.test(times.trim()) ? Number.parseInt(times, 10) : 0
  const timesWrong = usual !== null && (usual < 2 || usual > 1000)
  const act = useMutation({
    mutationFn: () =>
      must(
        api.PUT('/v1/accounts/{id}/alerts', {
          params: { path: { id: account } },
          body: { percents: some ?? [], times: usual, ends, muted },
        }),
      ),
    onSuccess: () => {
      forgetPercents()
      forgetTimes()
      void queries.invalidateQueries({ queryKey: ['alerts', account] })
    },
  })
  return (
    <form
      className={`${parts.card} ${css.card}`}
      onSubmit={(e) => {
        e.preventDefault()
        act.mutate()
      }}
    >
      <div className={parts.fields}>
        <Field
          label={w.percents}
          hint={w.percentsHint}
          value={percents}
          onChange={setPercents}
          maxLength={60}
          isDisabled={!able}
          isInvalid={some === null}
          autoComplete="off"
          mono
        />
        <Field
          label={w.times}
          hint={w.timesHint}
          value={times}
          onChange={setTimes}
          inputMode="numeric"
          maxLength={4}
          isDisabled={!able}
          isInvalid={timesWrong}
          autoComplete="off"
          mono
        />
      </div>
      {some === null ? <p className={parts.error}>{w.wrongPercents}</p> : null}
      {timesWrong ? <p className={parts.error}>{w.wrongTimes}</p> : null}
      <label className={parts.check}>
        <input type="checkbox" checked={ends} disabled={!able} onChange={(e) => setEnds(e.target.checked)} />
        {w.ends}
      </label>
      <label className={parts.check}>
        <input type="checkbox" checked={!muted} disabled={!able} onChange={(e) => setMuted(!e.target.checked)} />
        {w.letters}
      </label>
      {act.error === null ? null : <DenialCard fail={asFail(act.error)} />}
      <div className={parts.row}>
        <Button
          type="submit"
          kind="primary"
          acts
          isDisabled={!able || some === null || timesWrong}
          isPending={act.isPending}
        >
          {w.save}
        </Button>
        {act.isSuccess ? <span role="status">{w.saved}</span> : null}
      </div>
    </form>
  )
}
