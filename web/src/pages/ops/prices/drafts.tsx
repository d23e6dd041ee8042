// What one operator drafts and another approves, from a second on: the columns that its lists share.
import type { Prefs } from '../../../app/prefs'
import type { SignedIn } from '../../../live/types'
import { Button } from '../../../parts/Button'
import type { Column } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { words } from '../../../words'
import { clock } from '../../../words/format'
import { ops } from '../../../words/ops'
import { whoIs } from '../ops'
import { whoWord } from '../parts'
import { type Status, StatusWord } from './Books'

type Drafted = { status: Status; drafted_by: string | null; valid_from: string; valid_to: string | null }

/** what the second person says of which */
export type Decided<T> = { of: T; act: 'approve' | 'withdraw' }

/** When it holds, where it stands, and what me may say of it. */
export const draftColumns = <T extends Drafted>(
  c: { from: string; to: string },
  prefs: Prefs,
  me: SignedIn,
  decide: (of: Decided<T>) => void,
): Column<T>[] => [
  { id: 'from', title: c.from, cell: (row) => clock(row.valid_from, prefs) },
  { id: 'to', title: c.to, cell: (row) => (row.valid_to === null ? words.none : clock(row.valid_to, prefs)) },
  {
    id: 'status',
    title: ops.prices.columns.status,
    cell: (row) => (
      <>
        <StatusWord of={row.status} />
        {row.drafted_by === null ? null : (
          <p className={parts.hint}>{ops.credits.orderedBy(whoWord(row.drafted_by))}</p>
        )}
      </>
    ),
  },
  {
    id: 'acts',
    title: ops.prices.columns.acts,
    end: true,
    acts: true,
    cell: (row) =>
      row.status !== 'draft' ? null : (
        <span className={`${parts.row} ${parts.acts}`}>
          {row.drafted_by === whoIs(me) ? (
            <span className={parts.hint}>{ops.act.another}</span>
          ) : (
            <Button acts onPress={() => decide({ of: row, act: 'approve' })}>
              {ops.act.approve}
            </Button>
          )}
          <Button kind="quietDanger" acts onPress={() => decide({ of: row, act: 'withdraw' })}>
            {ops.act.withdraw}
          </Button>
        </span>
      ),
  },
]
