// What the account has in advance, in the order in which it is used, and what was taken of it; what it has agreed on.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { to } from '../../app/routes'
import { api, must } from '../../live/api'
import type { Contract, Grant, Wallet as Held, WalletEntry } from '../../live/types'
import { allOf, useRows } from '../../live/useRows'
import { Amount } from '../../parts/Amount'
import { List } from '../../parts/List'
import parts from '../../parts/parts.module.css'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { clock, plain } from '../../words/format'

const w = billing.plan

export function Wallet() {
  const { account } = useProject()
  const prefs = usePrefs()
  const query = useQuery({
    queryKey: ['wallet', account],
    queryFn: () => must(api.GET('/v1/accounts/{id}/wallet', { params: { path: { id: account } } })) as Promise<Held>,
    refetchInterval: 30_000,
  })
  const grants = query.data?.grants as Grant[] | undefined
  const c = w.grantColumns
  return (
    <section className={parts.block} aria-labelledby="wallet">
      <div className={parts.head}>
        <h2 id="wallet">{w.wallet}</h2>
        {query.data?.prepaid !== true || query.data.left === null ? null : (
          <p>
            <span className={parts.dim}>{w.left}</span>{' '}
            <Amount value={query.data.left} currency={query.data.currency} short />
          </p>
        )}
      </div>
      <p className={parts.lead}>{w.walletLead}</p>
      <List<Grant>
        label={w.wallet}
        list={allOf(grants, query)}
        id={(grant) => grant.id}
        empty={<span className={parts.dim}>{w.noWallet}</span>}
        columns={[
          { id: 'kind', title: c.kind, cell: (grant) => <strong>{w.kinds[grant.kind]}</strong> },
          {
            id: 'left',
            title: c.left,
            end: true,
            cell: (grant) => <Amount value={grant.remaining} currency={grant.currency} />,
          },
          { id: 'of', title: c.of, end: true, cell: (grant) => <Amount value={grant.amount} short /> },
          {
            id: 'ends',
            title: c.ends,
            cell: (grant) => (grant.expires_at === null ? words.never : clock(grant.expires_at, prefs)),
          },
          { id: 'why', title: c.why, wide: true, cell: (grant) => plain(grant.why) },
        ]}
      />
      {grants !== undefined && grants.length > 0 ? <Entries /> : null}
    </section>
  )
}

function Entries() {
  const { account } = useProject()
  const prefs = usePrefs()
  const list = useRows<WalletEntry>(['wallet-entries', account], (cursor) =>
    must(
      api.GET('/v1/accounts/{id}/wallet/entries', {
        params: { path: { id: account }, query: { limit: 20, ...(cursor === null ? {} : { cursor }) } },
      }),
    ),
  )
  const c = w.entryColumns
  return (
    <>
      <h3>{w.entries}</h3>
      <List<WalletEntry>
        label={w.entries}
        list={list}
        id={(row) => String(row.no)}
        empty={<span className={parts.dim}>{w.noEntries}</span>}
        columns={[
          { id: 'at', title: c.at, cell: (row) => clock(row.at, prefs) },
          { id: 'kind', title: c.kind, cell: (row) => w.entryKinds[row.kind] },
          {
            id: 'amount',
            title: c.amount,
            end: true,
            cell: (row) => <Amount value={row.amount} currency={row.currency} />,
          },
          {
            id: 'of',
            title: c.of,
            cell: (row) =>
              row.statement === null ? (
                plain(row.reference)
              ) : (
                <Link href={to.statement(account, row.statement)}>{billing.statements.one(`${row.statement}`)}</Link>
              ),
          },
        ]}
      />
    </>
  )
}

/** None is the rule, and then nothing is said of them. */
export function Contracts() {
  const { account } = useProject()
  const prefs = usePrefs()
  const list = useRows<Contract>(['contracts', account], (cursor) =>
    must(
      api.GET('/v1/accounts/{id}/contracts', {
        params: { path: { id: account }, query: { limit: 20, ...(cursor === null ? {} : { cursor }) } },
      }),
    ),
  )
  if (list.rows === undefined || list.rows.length === 0) return null
  return (
    <section className={parts.block} aria-labelledby="contracts">
      <h2 id="contracts">{w.contracts}</h2>
      <ul className={`${parts.card} ${parts.pad} ${parts.block}`}>
        {list.rows.map((one) => (
          <li key={one.id} className={parts.row}>
            <strong>{plain(one.name)}</strong>
            <span>{w.contract(`${one.currency} ${one.least_monthly}`)}</span>
            <span className={parts.dim}>
              {clock(one.valid_from, prefs)} – {one.valid_to === null ? '' : clock(one.valid_to, prefs)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
