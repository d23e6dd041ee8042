// Whom it was forked from, up to the first, and who was forked from whom below that: a tree that is opened as far as one looks.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import { asFail } from '../../live/fail'
import type { Page, Sandbox } from '../../live/types'
import { useRows } from '../../live/useRows'
import { Amount } from '../../parts/Amount'
import { Bones } from '../../parts/Bones'
import { Button } from '../../parts/Button'
import { DenialCard } from '../../parts/DenialCard'
import parts from '../../parts/parts.module.css'
import { StateWord } from '../../parts/StateWord'
import { words } from '../../words'
import css from './Lineage.module.css'

const w = words.box.lineage
/** so far up is looked: a fork of a fork of a fork */
const DEEPEST = 32
const ROWS = 100

export default function Lineage({ box }: { box: Sandbox }) {
  const { slug } = useProject()
  const line = useQuery({
    queryKey: ['ancestors', slug, box.id],
    queryFn: async () => {
      const out: Sandbox[] = []
      for (let id = box.parent; id !== null && out.length < DEEPEST; id = out[0]?.parent ?? null) {
        out.unshift(
          (await must(api.GET('/v1/projects/{slug}/sandboxes/{id}', { params: { path: { slug, id } } }))) as Sandbox,
        )
      }
      return out
    },
  })
  if (line.data === undefined) {
    return line.error === null ? (
      <Bones heights={[40, 40, 40]} />
    ) : (
      <DenialCard fail={asFail(line.error)} onRetry={() => void line.refetch()} />
    )
  }
  const path = [...line.data, box]
  const [first] = path
  return (
    <div className={parts.block}>
      <p className={parts.lead}>{w.lead}</p>
      <ul className={`${parts.card} ${css.tree}`} aria-label={w.title}>
        {first === undefined ? null : <Node of={first} here={box.id} open={new Set(path.map(({ id }) => id))} />}
      </ul>
    </div>
  )
}

function Node({ of, here, open }: { of: Sandbox; here: string; open: ReadonlySet<string> }) {
  const { slug } = useProject()
  const [shown, show] = useState(open.has(of.id))
  return (
    <li>
      <div className={css.row} data-here={of.id === here ? '' : undefined}>
        <Button kind="quiet" icon aria-expanded={shown} aria-label={w.forksOf(of.id)} onPress={() => show(!shown)}>
          {shown ? '−' : '+'}
        </Button>
        {of.id === here ? (
          <strong className={parts.mono} aria-current="true">
            {of.id}
          </strong>
        ) : (
          <Link href={to.sandbox(slug, of.id, 'lineage')} className={parts.mono}>
            {of.id}
          </Link>
        )}
        <StateWord state={of.state} whose={of.whose} />
        {of.month?.amount == null ? null : (
          <span className={css.cost}>
            <Amount value={of.month.amount} currency={of.month.currency ?? ''} short />
          </span>
        )}
      </div>
      {shown ? <Forks of={of.id} here={here} open={open} /> : null}
    </li>
  )
}

function Forks({ of, here, open }: { of: string; here: string; open: ReadonlySet<string> }) {
  const { slug } = useProject()
  const list = useRows<Sandbox, Page<Sandbox>>(
    ['sandboxes', slug, 'forks', of],
    (cursor) =>
      must(
        api.GET('/v1/projects/{slug}/sandboxes', {
          params: {
            path: { slug },
            query: { parent: of, with: 'month', sort: 'created', limit: ROWS, ...(cursor === null ? {} : { cursor }) },
          },
        }),
      ),
    { every: 10_000 },
  )
  if (list.rows === undefined) {
    return list.fail === null ? <Bones heights={[32]} /> : <DenialCard fail={list.fail} onRetry={list.again} />
  }
  if (list.rows.length === 0) return <p className={`${parts.hint} ${css.none}`}>{w.none}</p>
  return (
    <ul className={css.forks}>
      {list.rows.map((row) => (
        <Node key={row.id} of={row} here={here} open={open} />
      ))}
      {list.more ? (
        <li>
          <Button kind="quiet" isPending={list.loadingMore} onPress={list.loadMore}>
            {words.more}
          </Button>
        </li>
      ) : null}
    </ul>
  )
}
