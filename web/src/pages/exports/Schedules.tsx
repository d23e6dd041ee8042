// What is written of each month without anybody asking, once that is made up.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { usePrefs } from '../../app/prefs'
import { mayAccount, useProject } from '../../app/project'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { ExportSchedule } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Button } from '../../parts/Button'
import { Choice } from '../../parts/Choice'
import { Confirm } from '../../parts/Confirm'
import { DenialCard } from '../../parts/DenialCard'
import { List } from '../../parts/List'
import parts from '../../parts/parts.module.css'
import { useWho } from '../../parts/useWho'
import { billing } from '../../words/billing'
import { clock, plain } from '../../words/format'
import css from './exports.module.css'
import { DATASETS, FORMATS, what } from './offered'

const w = billing.exports

export function Schedules() {
  const project = useProject()
  const { account } = project
  const prefs = usePrefs()
  const whoWord = useWho()
  const able = mayAccount(project, 'billing.change')
  const [ending, end] = useState<ExportSchedule | null>(null)
  const list = useRows<ExportSchedule>(['export-schedules', account], (cursor) =>
    must(
      api.GET('/v1/accounts/{id}/export-schedules', {
        params: { path: { id: account }, query: { limit: 50, ...(cursor === null ? {} : { cursor }) } },
      }),
    ),
  )
  const c = w.scheduleColumns
  return (
    <section className={parts.block} aria-labelledby="schedules">
      <h2 id="schedules">{w.schedules}</h2>
      <p className={parts.lead}>{w.schedulesLead}</p>
      <Add able={able} />
      <List<ExportSchedule>
        label={w.schedules}
        list={list}
        id={(row) => row.id}
        empty={<span className={parts.dim}>{w.noSchedules}</span>}
        columns={[
          { id: 'what', title: c.what, cell: (row) => what(row) },
          { id: 'through', title: c.through, cell: (row) => row.through ?? w.noMonth },
          { id: 'by', title: c.by, cell: (row) => `${whoWord(row.asked_by)}, ${clock(row.made_at, prefs)}` },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) => (
              <Button kind="quietDanger" acts isDisabled={!able} onPress={() => end(row)}>
                {w.end}
              </Button>
            ),
          },
        ]}
      />
      {ending === null ? null : <End row={ending} close={() => end(null)} />}
    </section>
  )
}

function End({ row, close }: { row: ExportSchedule; close: () => void }) {
  const { account } = useProject()
  const queries = useQueryClient()
  const act = useMutation({
    mutationFn: () =>
      must(
        api.DELETE('/v1/accounts/{id}/export-schedules/{schedule}', {
          params: { path: { id: account, schedule: row.id } },
        }),
      ),
    onSuccess: () => {
      close()
      void queries.invalidateQueries({ queryKey: ['export-schedules', account] })
    },
  })
  return (
    <Confirm
      title={w.endTitle(plain(what(row)))}
      go={w.end}
      pending={act.isPending}
      fail={act.error === null ? null : asFail(act.error)}
      onGo={() => act.mutate()}
      onClose={close}
    >
      <p>{w.endLoses}</p>
    </Confirm>
  )
}

function Add({ able }: { able: boolean }) {
  const { account } = useProject()
  const queries = useQueryClient()
  const [dataset, setDataset] = useState<string>(DATASETS[0].id)
  const [format, setFormat] = useState<string>(FORMATS[0].id)
  const act = useMutation({
    mutationFn: () =>
      must(
        api.POST('/v1/accounts/{id}/export-schedules', {
          params: { path: { id: account } },
          body: { dataset, format },
        }),
      ),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['export-schedules', account] }),
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
        <Button type="submit" acts isDisabled={!able} isPending={act.isPending}>
          {w.each}
        </Button>
      </div>
      {act.error === null ? null : <DenialCard fail={asFail(act.error)} />}
    </form>
  )
}
