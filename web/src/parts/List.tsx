// A list of the API as a table: its bones, its rows, its no, what it says when it is empty, and the way to more of it.
import type { ReactNode } from 'react'
import type { Rows } from '../live/useRows'
import { words } from '../words'
import { Bones } from './Bones'
import { Button } from './Button'
import { DenialCard } from './DenialCard'
import css from './List.module.css'
import parts from './parts.module.css'

export type Column<T> = {
  id: string
  title: string
  cell: (row: T) => ReactNode
  /** stands at the end of its column: numbers, money, acts */
  end?: boolean
  /** may be wrapped: sentences */
  wide?: boolean
  acts?: boolean
}

type Props<T> = {
  label: string
  list: Pick<Rows<T>, 'rows' | 'total' | 'least' | 'more' | 'loadingMore' | 'loadMore' | 'fail' | 'again'>
  columns: readonly Column<T>[]
  id: (row: T) => string
  /** what belongs here, and the one act that fills it */
  empty: ReactNode
  /** says how many there are, and what of them is shown */
  counted?: boolean
}

export function List<T>({ label, list, columns, id, empty, counted = true }: Props<T>) {
  const { rows, fail } = list
  if (rows === undefined) {
    return fail === null ? (
      <div className={`${parts.card} ${css.pad}`}>
        <Bones heights={[24, 40, 40, 40, 40]} />
      </div>
    ) : (
      <DenialCard fail={fail} onRetry={list.again} />
    )
  }
  if (rows.length === 0) return <div className={`${parts.card} ${parts.empty}`}>{empty}</div>
  return (
    <>
      <div className={`${parts.card} ${css.scroll}`}>
        <table className={css.list} aria-label={label}>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.id} scope="col" className={column.end ? css.end : undefined}>
                  {column.acts ? <span className={parts.hidden}>{column.title}</span> : column.title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={id(row)}>
                {columns.map((column) => (
                  <td
                    key={column.id}
                    data-title={column.acts ? '' : column.title}
                    className={
                      [column.end ? css.end : '', column.wide ? css.wide : '', column.acts ? css.acts : '']
                        .filter(Boolean)
                        .join(' ') || undefined
                    }
                  >
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {counted && (list.more || rows.length > 20) ? (
          <div className={css.foot}>
            <span role="status">{words.rows(rows.length, list.total, list.least)}</span>
            {list.more ? (
              <Button kind="quiet" isPending={list.loadingMore} onPress={list.loadMore}>
                {words.more}
              </Button>
            ) : null}
          </div>
        ) : null}
      </div>
      {fail === null ? null : <DenialCard fail={fail} onRetry={list.again} />}
    </>
  )
}
