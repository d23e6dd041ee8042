// Every invoice and credit note, and what can be done to one as it stands now. The service has the last word.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Menu, MenuItem, MenuTrigger, Popover } from 'react-aria-components'
import { useLocation, useSearch } from 'wouter'
import { to } from '../../../app/routes'
import { api, must } from '../../../live/api'
import type { Invoice } from '../../../live/types'
import { useRows } from '../../../live/useRows'
import { Amount } from '../../../parts/Amount'
import { Button } from '../../../parts/Button'
import { Choice } from '../../../parts/Choice'
import { Icon } from '../../../parts/Icon'
import { InvoiceWord } from '../../../parts/InvoiceWord'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { words } from '../../../words'
import { billing } from '../../../words/billing'
import { plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { from } from '../ops'
import { TenantLink } from '../parts'
import { InvoiceAct, type Wish } from './InvoiceAct'

const w = ops.invoices
const STATUSES = Object.keys(billing.invoices.status) as Invoice['status'][]

/** What makes sense of an invoice that stands so. A credit note stays as it is. */
const OPEN: readonly Wish[] = ['pay', 'credit', 'dispute', 'void', 'uncollectible']
const WISHES: Record<Invoice['status'], readonly Wish[]> = {
  issued: OPEN,
  overdue: OPEN,
  partially_paid: ['pay', 'credit', 'dispute', 'uncollectible'],
  disputed: ['settle-dispute', 'credit', 'uncollectible'],
  paid: ['credit'],
  uncollectible: ['pay'],
  voided: [],
}

export function InvoiceList() {
  const queries = useQueryClient()
  const [, navigate] = useLocation()
  const said = new URLSearchParams(useSearch()).get('status')
  const status = STATUSES.find((one) => one === said)
  const [asked, ask] = useState<{ of: Invoice; wish: Wish } | null>(null)
  const list = useRows<Invoice>(
    ['ops', 'invoices', status ?? ''],
    (cursor) =>
      must(
        api.GET('/v1/ops/invoices', {
          params: { query: { ...(status === undefined ? {} : { status }), ...from(cursor) } },
        }),
      ),
    { every: 15_000 },
  )
  const c = w.columns
  return (
    <div className={parts.block}>
      <div className={`${parts.fields} ${parts.small}`}>
        <Choice
          label={c.status}
          value={status ?? ''}
          of={[
            { id: '', text: ops.tenants.any },
            ...STATUSES.map((id) => ({ id: id as string, text: billing.invoices.status[id] })),
          ]}
          onChange={(v) => navigate(to.opsInvoices(v === '' ? '' : `?status=${v}`), { replace: true })}
        />
      </div>
      <List
        label={w.title}
        list={list}
        id={(row) => `${row.account ?? ''}${row.number}`}
        empty={
          <>
            <strong>{status === undefined ? w.empty : w.noHits}</strong>
            {status === undefined ? <p>{w.emptyWhy}</p> : null}
          </>
        }
        columns={[
          {
            id: 'number',
            title: c.number,
            cell: (row) => (
              <>
                <span className={parts.mono}>{plain(row.number)}</span>
                {row.kind === 'credit_note' ? (
                  <span className={parts.tag}>{billing.invoices.kinds.credit_note}</span>
                ) : null}
              </>
            ),
          },
          { id: 'tenant', title: c.tenant, cell: (row) => <TenantLink id={row.account ?? null} /> },
          { id: 'status', title: c.status, cell: (row) => <InvoiceWord status={row.status} /> },
          { id: 'period', title: c.period, cell: (row) => row.periodStart.slice(0, 7) },
          {
            id: 'total',
            title: c.total,
            end: true,
            cell: (row) => <Amount value={row.total} currency={row.currency} short />,
          },
          { id: 'open', title: c.open, end: true, cell: (row) => <Amount value={row.open} short /> },
          { id: 'due', title: c.due, cell: (row) => row.due ?? words.none },
          {
            id: 'acts',
            title: c.acts,
            end: true,
            acts: true,
            cell: (row) => {
              const wishes = row.kind === 'invoice' && row.account !== undefined ? WISHES[row.status] : []
              return wishes.length === 0 ? null : (
                <MenuTrigger>
                  <Button kind="quiet" acts aria-label={w.actsOf(row.number)}>
                    {w.act}
                    <Icon name="down" />
                  </Button>
                  <Popover placement="bottom end">
                    <Menu
                      className={parts.menu ?? ''}
                      aria-label={w.actsOf(row.number)}
                      onAction={(id) => {
                        const wish = wishes.find((one) => one === id)
                        if (wish !== undefined) ask({ of: row, wish })
                      }}
                    >
                      {wishes.map((wish) => (
                        <MenuItem key={wish} id={wish} className={parts.item ?? ''}>
                          {w.wishes[wish].go}
                        </MenuItem>
                      ))}
                    </Menu>
                  </Popover>
                </MenuTrigger>
              )
            },
          },
        ]}
      />
      {asked === null ? null : (
        <InvoiceAct
          of={asked.of}
          wish={asked.wish}
          done={() => {
            ask(null)
            for (const kind of ['invoices', 'orders']) void queries.invalidateQueries({ queryKey: ['ops', kind] })
          }}
          close={() => ask(null)}
        />
      )}
    </div>
  )
}
