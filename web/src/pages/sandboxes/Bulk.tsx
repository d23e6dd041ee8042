// One act on many: asked once, done in rounds of at most 40 seconds, and then said of each what became of it.
import { useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { Input, Label, TextField } from 'react-aria-components'
import { Link } from 'wouter'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import { asFail, type Fail } from '../../live/fail'
import { Button } from '../../parts/Button'
import { DenialCard } from '../../parts/DenialCard'
import { Dialog } from '../../parts/Dialog'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { plain, short } from '../../words/format'
import css from './Sandboxes.module.css'

export type Act = 'pause' | 'kill'
type Failed = { id: string; message: string; cure: string }
type Progress = { done: string[]; failed: Failed[]; left: string[] }

/** Above this a kill wants the number typed. */
const MANY = 10
const AT_ONCE = 1000

export function Bulk({
  act,
  ids,
  close,
}: {
  act: Act
  ids: readonly string[]
  close: (left: readonly string[]) => void
}) {
  const { slug } = useProject()
  const queries = useQueryClient()
  const [progress, setProgress] = useState<Progress | null>(
    act === 'kill' ? null : { done: [], failed: [], left: [...ids] },
  )
  const [fail, setFail] = useState<Fail | null>(null)
  const [running, setRunning] = useState(false)
  const [text, setText] = useState('')
  const stopped = useRef(false)
  const begun = useRef(false)

  const run = async (from: Progress) => {
    setRunning(true)
    setFail(null)
    let now = from
    setProgress(now)
    try {
      while (now.left.length > 0 && !stopped.current) {
        const path =
          act === 'pause'
            ? ('/v1/projects/{slug}/sandboxes/pause' as const)
            : ('/v1/projects/{slug}/sandboxes/kill' as const)
        const round = now.left.slice(0, AT_ONCE)
        const report = await must(api.POST(path, { params: { path: { slug } }, body: { ids: round } }))
        now = {
          done: [...now.done, ...(report.done ?? [])],
          failed: [
            ...now.failed,
            ...(report.failed ?? []).map((f) => ({
              id: f.id ?? '',
              message: f.message ?? '',
              cure: f.denial?.cure ?? '',
            })),
          ],
          left: [...(report.left ?? []), ...now.left.slice(round.length)],
        }
        setProgress(now)
      }
    } catch (e) {
      setFail(asFail(e))
    }
    setRunning(false)
    void queries.invalidateQueries({ queryKey: ['sandboxes', slug] })
  }
  if (progress !== null && !begun.current) {
    begun.current = true
    // not while rendering
    queueMicrotask(() => void run(progress))
  }
  const end = () => {
    stopped.current = true
    close(progress === null ? ids : [...progress.failed.map((f) => f.id), ...progress.left])
  }

  if (progress === null) {
    const sure = ids.length <= MANY || text.trim() === String(ids.length)
    return (
      <Dialog title={words.list.killTitle(ids.length)} open alert onClose={() => close(ids)}>
        <p>{words.list.killLoses}</p>
        {ids.length <= MANY ? null : (
          <TextField value={text} onChange={setText} className={parts.field ?? ''} autoFocus>
            <Label className={parts.label ?? ''}>{words.list.killType(ids.length)}</Label>
            <Input className={parts.input ?? ''} inputMode="numeric" autoComplete="off" />
          </TextField>
        )}
        <div className={`${parts.row} ${parts.end}`}>
          <Button onPress={() => close(ids)}>{words.cancel}</Button>
          <Button
            kind="danger"
            acts
            isDisabled={!sure}
            onPress={() => setProgress({ done: [], failed: [], left: [...ids] })}
          >
            {words.list.kill(ids.length)}
          </Button>
        </div>
      </Dialog>
    )
  }
  const part = ids.length === 0 ? 1 : (progress.done.length + progress.failed.length) / ids.length
  return (
    <Dialog title={words.list.report} open easy={!running} onClose={end}>
      <div className={`${parts.gauge} ${act === 'pause' ? parts.sleep : parts.ended}`} aria-hidden="true">
        <div style={{ inlineSize: `${part * 100}%` }} />
      </div>
      <p role="status">
        {words.list.done(progress.done.length, act === 'pause' ? words.list.slept : words.list.killed)}
        {progress.failed.length === 0 ? '' : `, ${words.list.failed(progress.failed.length)}`}
        {progress.left.length === 0 ? '.' : `, ${words.list.left(progress.left.length)}.`}
      </p>
      {progress.failed.length === 0 ? null : (
        <ul className={css.report}>
          {progress.failed.map((f) => (
            <li key={f.id}>
              <Link href={to.sandbox(slug, f.id)} className={parts.mono}>
                {short(f.id)}
              </Link>
              <span>
                {plain(f.message)}
                {f.cure === '' ? '' : `: ${plain(f.cure)}`}
              </span>
            </li>
          ))}
        </ul>
      )}
      {fail === null ? null : <DenialCard fail={fail} onRetry={() => void run(progress)} />}
      <div className={`${parts.row} ${parts.end}`}>
        <Button onPress={end}>{running ? words.list.stop : words.close}</Button>
      </div>
    </Dialog>
  )
}
