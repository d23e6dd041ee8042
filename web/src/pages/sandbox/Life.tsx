// Its life: the seconds that periods have closed over, and every change with its cause, whose it was, and what was given back.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { usePrefs } from '../../app/prefs'
import { useProject } from '../../app/project'
import { Bar } from '../../bar/Bar'
import type { Life as Lived } from '../../bar/track'
import { asFail } from '../../live/fail'
import { events, usage } from '../../live/queries'
import type { Event, Sandbox, State } from '../../live/types'
import { Amount } from '../../parts/Amount'
import { Bones } from '../../parts/Bones'
import { Button } from '../../parts/Button'
import { DenialCard } from '../../parts/DenialCard'
import parts from '../../parts/parts.module.css'
import { causeWord, StateWord } from '../../parts/StateWord'
import { words } from '../../words'
import { clock, plain, short } from '../../words/format'
import css from './Sandbox.module.css'

const KNOWN = new Set<string>(Object.keys(words.state))

export function Life({ box }: { box: Sandbox }) {
  const { slug } = useProject()
  const query = useInfiniteQuery({
    queryKey: ['events', slug, box.id],
    queryFn: ({ pageParam }) => events(slug, box.id, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    // a change that the stream told of is a new epoch or another state
    refetchInterval: box.state === 'ended' ? false : 5000,
  })
  const rows = query.data?.pages.flatMap((page) => page.rows)
  return (
    <div className={css.page}>
      <Seconds box={box} />
      <div className={parts.card}>
        {query.error !== null && rows === undefined ? (
          <DenialCard fail={asFail(query.error)} onRetry={() => void query.refetch()} />
        ) : null}
        {rows === undefined && query.error === null ? (
          <div className={css.pad}>
            <Bones heights={[40, 40, 40]} />
          </div>
        ) : null}
        {rows?.length === 0 ? <p className={css.pad}>{words.box.life.empty}</p> : null}
        <ol className={css.events}>
          {rows?.map((event) => (
            <Change key={`${event.at}${event.to}${event.epoch}`} event={event} box={box} />
          ))}
        </ol>
        {query.hasNextPage ? (
          <div className={css.pad}>
            <Button isPending={query.isFetchingNextPage} onPress={() => void query.fetchNextPage()}>
              {words.box.life.more}
            </Button>
          </div>
        ) : null}
      </div>
    </div>
  )
}

/** A key is called by its name where it is the one that made the sandbox. */
function whoWord(who: string, box: Sandbox): string {
  return box.key?.name != null && who === `key:${box.key.id}` ? `key ${plain(box.key.name)}` : plain(who)
}

function Change({ event, box }: { event: Event; box: Sandbox }) {
  const prefs = usePrefs()
  const w = words.box.life
  return (
    <li>
      <span className={parts.mono}>{clock(event.at, prefs)}</span>
      {KNOWN.has(event.to) ? <StateWord state={event.to as State} whose={event.whose} /> : <span>{event.to}</span>}
      <div>
        <p>
          {event.cause === null ? (event.from === null ? w.created : plain(event.why)) : causeWord(event.cause)}
          {event.whose === null || event.cause === null ? '' : ` (${words.whose[event.whose]})`}
        </p>
        {event.credited != null ? (
          <p className={css.credit}>
            {w.credit}: <Amount value={event.credited.amount ?? '0'} currency={event.credited.currency ?? null} />
            {(event.credited.statements ?? []).length === 0
              ? ''
              : `, ${w.statements} ${event.credited.statements?.join(', ')}`}
          </p>
        ) : event.credit ? (
          <p className={css.credit}>{w.creditComing}</p>
        ) : null}
        <p className={css.more}>
          <span>
            {w.by} {whoWord(event.who, box)}
          </span>
          <span>
            {w.epoch} {event.epoch}
          </span>
          {event.attestation === null ? null : (
            <span title={event.attestation}>
              {w.att} <span className={parts.mono}>{short(event.attestation)}</span>
            </span>
          )}
        </p>
      </div>
    </li>
  )
}

function Seconds({ box }: { box: Sandbox }) {
  const { slug } = useProject()
  const prefs = usePrefs()
  const { data } = useQuery(usage(slug, box))
  const w = words.box.life
  const life = useMemo(() => (data === undefined ? null : lifeOf(data, box)), [data, box])
  if (data === undefined || life === null)
    return <div className={`${parts.card} ${css.bar}`} style={{ blockSize: 160 }} />
  const drawn = life.runs.some(([state]) => state !== 'off')
  return (
    <section className={`${parts.card} ${css.bar}`} aria-labelledby="bar">
      <h2 id="bar">{w.bar}</h2>
      {drawn ? <Bar life={life} height={48} /> : null}
      <p className={parts.hint}>
        {data.closed_through == null ? w.notClosed : w.closed(clock(data.closed_through, prefs))}
      </p>
    </section>
  )
}

type Usage = { from?: string; runs?: unknown; disk_16mib?: (number | null)[] }

/** What the API says of its seconds, as the bar takes it. */
function lifeOf(said: Usage, box: Sandbox): Lived {
  const second = (at: string) => Math.floor(new Date(at).getTime() / 1000)
  const ended = box.ended_at !== null && box.cause !== null
  return {
    start: second(said.from ?? box.created_at),
    runs: (said.runs ?? []) as Lived['runs'],
    ...(said.disk_16mib === undefined ? {} : { disk: said.disk_16mib }),
    ended: ended
      ? { at: second(box.ended_at ?? ''), whose: box.whose ?? 'customer', cause: causeWord(box.cause) }
      : null,
  }
}
