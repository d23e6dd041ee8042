// The prices of a draft, and when it begins: a new one after the pattern of a book, or another writing of one that is a draft still.
import { useState } from 'react'
import { api, must } from '../../../live/api'
import type { PriceBook } from '../../../live/types'
import { Field } from '../../../parts/Field'
import parts from '../../../parts/parts.module.css'
import { plain } from '../../../words/format'
import { ops } from '../../../words/ops'
import { Act } from '../Act'
import { asked, PRICE } from './asked'

const w = ops.prices
/** The first second of a day of UTC to come: when books begin, as a rule. */
function soon(): string {
  return new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10)
}

type Props = { of: PriceBook; edit?: boolean; done: (book: PriceBook) => void; close: () => void }

export function Draft({ of, edit = false, done, close }: Props) {
  const [begin, setBegin] = useState(edit ? of.valid_from.slice(0, 10) : soon())
  const [texts, setTexts] = useState<Record<string, string>>(() =>
    Object.fromEntries(of.prices.map((price) => [price.sku ?? '', price.per_unit ?? ''])),
  )
  const tiered = of.prices.some((price) => (price.tiers ?? []).length > 0)
  const fits = of.prices.every((price) => PRICE.test((texts[price.sku ?? ''] ?? '').trim()))
  const body = (reason: string) => ({
    valid_from: `${begin}T00:00:00Z`,
    prices: of.prices.map((price) => asked(price, (texts[price.sku ?? ''] ?? '').trim())),
    reason,
  })
  return (
    <Act
      name={`${edit ? 'edit' : 'draft'}:${of.id}`}
      title={edit ? w.editTitle(of.id) : w.draftTitle(of.id)}
      go={edit ? w.edit : w.draft}
      ready={fits && begin !== '' && !tiered}
      run={(reason) =>
        edit
          ? must(api.PUT('/v1/ops/price-books/{id}', { params: { path: { id: of.id } }, body: body(reason) }))
          : must(
              api.POST('/v1/ops/price-books', {
                body: {
                  price_group: of.price_group,
                  tier: of.tier as 'free' | 'pro' | 'payg' | 'enterprise',
                  currency: of.currency,
                  rated_by: of.rated_by,
                  ...(of.compute_type === undefined ? {} : { compute_type: of.compute_type }),
                  ...(of.compute_quality === undefined ? {} : { compute_quality: of.compute_quality }),
                  ...(of.contract ? { contract: of.contract } : {}),
                  ...body(reason),
                },
              }),
            )
      }
      done={done}
      close={close}
    >
      <p>
        {plain(of.tier)}, {plain(of.price_group)}, {plain(of.currency)}. {w.draftWhy}
      </p>
      {tiered ? (
        <p className={parts.error} role="alert">
          {w.tiered}
        </p>
      ) : null}
      <Field label={w.begins} hint={w.beginsHint} type="date" value={begin} onChange={setBegin} isRequired />
      {of.prices.map(({ sku = '', unit = '' }) => (
        <Field
          key={sku}
          label={w.priceOf(sku, plain(of.currency), plain(unit))}
          value={texts[sku] ?? ''}
          onChange={(text) => setTexts((now) => ({ ...now, [sku]: text }))}
          isInvalid={!PRICE.test((texts[sku] ?? '').trim())}
          inputMode="decimal"
          isRequired
          mono
        />
      ))}
    </Act>
  )
}
