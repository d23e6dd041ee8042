// Refusals by their rule, and what ended by a fault of ours. Each is a link to what it is about.
import { Link } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import type { Refusal } from '../../live/types'
import { useLive } from '../../live/useLive'
import parts from '../../parts/parts.module.css'
import { causeWord, Glyph } from '../../parts/StateWord'
import { words } from '../../words'
import { clock, plain, short } from '../../words/format'
import css from './Overview.module.css'

type Group = { rule: string; count: number; last: Refusal }

export function byRule(all: readonly Refusal[]): Group[] {
  const groups = new Map<string, Group>()
  for (const one of all) {
    const rule = one.denial.rule
    const known = groups.get(rule)
    if (known === undefined) groups.set(rule, { rule, count: one.count, last: one })
    else
      groups.set(rule, {
        rule,
        count: known.count + one.count,
        last: one.last_at > known.last.last_at ? one : known.last,
      })
  }
  return [...groups.values()].sort((a, b) => (a.last.last_at < b.last.last_at ? 1 : -1))
}

export function Attention() {
  const { slug } = useProject()
  const { live } = useLive()
  const prefs = usePrefs()
  const groups = byRule(live.denials ?? [])
  const lost = live.sandboxes.filter((box) => box.state === 'ended' && box.whose === 'ours')
  return (
    <section className={parts.block} aria-labelledby="attention">
      <h2 id="attention">{words.overview.attention}</h2>
      <div className={parts.card}>
        {groups.length === 0 && lost.length === 0 ? <p className={css.calm}>{words.overview.calm}</p> : null}
        <ul className={css.list}>
          {lost.map((box) => (
            <li key={box.id}>
              <span className={`${parts.state} ${parts.fault}`}>
                <Glyph look="fault" />
                {words.overview.endedByUs(short(box.id))}
              </span>
              <span>
                {causeWord(box.cause)}, {words.overview.credited}
              </span>
              <Link href={to.sandbox(slug, box.id)}>{words.quick.open}</Link>
            </li>
          ))}
          {groups.map((group) => (
            <li key={group.rule}>
              <span className={`${parts.state} ${parts.rule}`}>
                <Glyph look="rule" />
                {words.overview.refused(group.count)}
              </span>
              <span>
                <span className={parts.mono}>{group.rule}</span>
                {group.last.denial.limit === null || group.last.denial.current === null
                  ? null
                  : ` ${group.last.denial.current}/${group.last.denial.limit}`}
                {': '}
                {plain(group.last.denial.cure)}
              </span>
              <span className={parts.hint}>
                {clock(group.last.last_at, prefs)}{' '}
                {group.last.denial.doc === null ? null : (
                  <a href={`${group.last.denial.doc}#${group.rule}`} target="_blank" rel="noreferrer">
                    {words.fail.doc}
                  </a>
                )}
              </span>
            </li>
          ))}
        </ul>
      </div>
    </section>
  )
}
