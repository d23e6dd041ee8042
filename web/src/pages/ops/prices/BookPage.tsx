// One price book beside the one that it would follow, tried over a closed month account by account, and approved by another person.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { usePrefs } from '../../../app/prefs'
import { to } from '../../../app/routes'
import { api, must } from '../../../live/api'
import { asFail } from '../../../live/fail'
import type { Page, PriceBook } from '../../../live/types'
import { allOf } from '../../../live/useRows'
import { price } from '../../../money/money'
import { Bones } from '../../../parts/Bones'
import { Button } from '../../../parts/Button'
import { Copy } from '../../../parts/Copy'
import { DenialCard } from '../../../parts/DenialCard'
import { Facts } from '../../../parts/Facts'
import { Icon } from '../../../parts/Icon'
import { List } from '../../../parts/List'
import parts from '../../../parts/parts.module.css'
import { words } from '../../../words'
import { clock, plain, whole } from '../../../words/format'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { useOps, whoIs } from '../ops'
import { Section, whoWord } from '../parts'
import { StatusWord } from './Books'
import { Draft } from './Draft'
import { Simulations } from './Simulations'

const w = ops.prices
type Price = PriceBook['prices'][number]

/** The book that held for the same before this one begins, among those that hold or held. */
export function before(book: PriceBook, all: readonly PriceBook[]): PriceBook | null {
  const same = all.filter(
    (one) =>
      one.id !== book.id &&
      one.status === 'approved' &&
      one.price_group === book.price_group &&
      one.tier === book.tier &&
      one.currency === book.currency &&
      (one.contract ?? '') === (book.contract ?? '') &&
      one.compute_type === book.compute_type &&
      one.compute_quality === book.compute_quality &&
      one.valid_from < book.valid_from,
  )
  return same.reduce<PriceBook | null>(
    (newest, one) => (newest === null || one.valid_from > newest.valid_from ? one : newest),
    null,
  )
}

export default function BookPage({ id: text }: { id: string }) {
  const id = whole(text) ?? 0
  const query = useQuery({
    queryKey: ['ops', 'book', id],
    queryFn: () => must(api.GET('/v1/ops/price-books/{id}', { params: { path: { id } } })) as Promise<PriceBook>,
    refetchInterval: 10_000,
  })
  const others = useQuery({
    queryKey: ['ops', 'books', 'approved', 'all'],
    queryFn: () =>
      must(api.GET('/v1/ops/price-books', { params: { query: { status: 'approved', limit: 1000 } } })) as Promise<
        Page<PriceBook>
      >,
  })
  const book = query.data
  const back = (
    <Link href={to.opsPrices()} className={parts.back}>
      <Icon name="back" />
      {w.title}
    </Link>
  )
  if (book === undefined) {
    return (
      <div className={parts.page}>
        {back}
        {query.error === null ? (
          <Bones heights={[28, 96, 240]} />
        ) : (
          <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
        )}
      </div>
    )
  }
  return (
    <div className={parts.page}>
      {back}
      <div className={parts.block}>
        <div className={parts.head}>
          <h1>{w.book(book.id)}</h1>
          <Acts of={book} />
        </div>
        <p>
          <StatusWord of={book.status} />
        </p>
      </div>
      <BookFacts of={book} />
      <Prices of={book} old={before(book, others.data?.rows ?? [])} />
      <Simulations of={book} />
    </div>
  )
}

function BookFacts({ of }: { of: PriceBook }) {
  const prefs = usePrefs()
  const f = w.facts
  const act = (one: PriceBook['drafted']) =>
    one == null
      ? null
      : `${whoWord(one.by)}, ${one.at === undefined ? '' : clock(one.at, prefs)}${one.reason ? `: ${plain(one.reason)}` : ''}`
  return (
    <Facts
      rows={[
        [f.for, `${plain(of.tier)}, ${plain(of.price_group)}, ${plain(of.currency)}`],
        [f.ratedBy, w.ratedBy[of.rated_by]],
        [f.from, clock(of.valid_from, prefs)],
        [f.to, of.valid_to === null ? words.none : clock(of.valid_to, prefs)],
        [f.contract, of.contract ? <code key="c">{of.contract}</code> : null],
        [
          f.hash,
          <span key="hash" className={`${parts.value} ${parts.mono}`} title={of.sha256}>
            {of.sha256.slice(0, 12)}
            <Copy text={of.sha256} onlyIcon />
          </span>,
        ],
        [f.authors, (of.authors ?? []).map(whoWord).join(', ') || w.house],
        [f.drafted, act(of.drafted)],
        [f.approved, act(of.approved)],
        [f.withdrawn, act(of.withdrawn)],
      ]}
    />
  )
}

function Prices({ of, old }: { of: PriceBook; old: PriceBook | null }) {
  const c = w.priceColumns
  const was = new Map(old?.prices.map((one) => [one.sku, one.per_unit]))
  return (
    <Section id="prices" title={old === null ? w.prices : w.pricesBeside(old.id)}>
      <List<Price>
        label={w.prices}
        list={allOf(of.prices)}
        id={(row) => row.sku ?? ''}
        counted={false}
        empty={null}
        columns={[
          { id: 'sku', title: c.sku, cell: (row) => <span className={parts.mono}>{plain(row.sku ?? '')}</span> },
          { id: 'unit', title: c.unit, cell: (row) => plain(row.unit ?? '') },
          { id: 'per', title: c.per, end: true, cell: (row) => <span className={parts.mono}>{row.per_unit}</span> },
          {
            id: 'was',
            title: c.was,
            end: true,
            cell: (row) => <span className={parts.mono}>{was.get(row.sku) ?? words.none}</span>,
          },
          { id: 'moved', title: c.moved, cell: (row) => <Moved now={row.per_unit} then={was.get(row.sku)} /> },
          {
            id: 'label',
            title: c.label,
            wide: true,
            cell: (row) => (
              <>
                {plain(row.label ?? '')}
                {row.list_per_unit ? (
                  <span className={parts.hint}> {w.discount(row.list_per_unit, (row.discount_bp ?? 0) / 100)}</span>
                ) : null}
                {(row.tiers ?? []).length > 0 ? (
                  <span className={parts.tag}>{w.inTiers((row.tiers ?? []).length)}</span>
                ) : null}
              </>
            ),
          },
        ]}
      />
    </Section>
  )
}

function Moved({ now, then }: { now: string | undefined; then: string | undefined }) {
  if (now === undefined || then === undefined) return <span className={parts.dim}>{words.none}</span>
  const [a, b] = [price(now), price(then)]
  if (a === b) return <span className={parts.dim}>{w.same}</span>
  return a > b ? <strong className={parts.error}>{w.dearer}</strong> : <strong>{w.cheaper}</strong>
}

function Acts({ of }: { of: PriceBook }) {
  const { me } = useOps()
  const queries = useQueryClient()
  const [asked, ask] = useState<'edit' | 'approve' | 'withdraw' | null>(null)
  const mine = (of.authors ?? []).includes(whoIs(me))
  const done = (book: unknown) => {
    ask(null)
    queries.setQueryData(['ops', 'book', of.id], book)
    void queries.invalidateQueries({ queryKey: ['ops', 'books'] })
  }
  const draft = of.status === 'draft'
  const begun = Date.parse(of.valid_from) <= Date.now()
  return (
    <div className={parts.row}>
      {draft && mine ? <span className={parts.hint}>{w.anotherApproves}</span> : null}
      {draft ? (
        <>
          <Button acts onPress={() => ask('edit')}>
            {w.edit}
          </Button>
          <Button kind="primary" acts isDisabled={mine} onPress={() => ask('approve')}>
            {ops.act.approve}
          </Button>
        </>
      ) : null}
      {of.status !== 'withdrawn' && (draft || !begun) ? (
        <Button kind="danger" acts onPress={() => ask('withdraw')}>
          {ops.act.withdraw}
        </Button>
      ) : null}
      {asked === 'edit' ? <Draft of={of} edit done={done} close={() => ask(null)} /> : null}
      {asked === 'approve' ? (
        <Act
          name={`approve:${of.id}`}
          title={w.approveTitle(of.id)}
          go={ops.act.approve}
          run={(reason) =>
            must(
              api.POST('/v1/ops/price-books/{id}/approve', {
                params: { path: { id: of.id } },
                body: { sha256: of.sha256, reason },
              }),
            )
          }
          done={done}
          close={() => ask(null)}
        >
          <p>{w.approveWhy}</p>
          <code>{of.sha256}</code>
          {of.simulation == null ? <p className={parts.hint}>{w.untried}</p> : <p>{w.triedBy(of.simulation)}</p>}
        </Act>
      ) : null}
      {asked === 'withdraw' ? (
        <Act
          name={`withdraw:${of.id}`}
          title={w.withdrawTitle(of.id)}
          go={ops.act.withdraw}
          danger
          run={(reason) =>
            must(api.POST('/v1/ops/price-books/{id}/withdraw', { params: { path: { id: of.id } }, body: { reason } }))
          }
          done={done}
          close={() => ask(null)}
        >
          <p>{w.withdrawWhy}</p>
        </Act>
      ) : null}
    </div>
  )
}
