import type { ReactNode } from 'react'
import css from './parts.module.css'

/** Names and values, the first of them the one that is looked for; what is null is left out. */
export function Facts({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className={`${css.card} ${css.facts} ${css.first}`}>
      {rows.map(([name, value]) =>
        value === null ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  )
}
