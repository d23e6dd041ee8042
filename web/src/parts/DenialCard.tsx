// A no, in words: what happened, what to do, when it can succeed. Never the API's JSON.
import { useEffect, useState } from 'react'
import type { Fail } from '../live/fail'
import { words } from '../words'
import { plain } from '../words/format'
import { Button } from './Button'
import css from './parts.module.css'

const sentence = (text: string) => {
  const clean = plain(text)
  const first = clean.charAt(0).toUpperCase() + clean.slice(1)
  return /[.!?]$/.test(first) ? first : `${first}.`
}

function useCountdown(from: number | null): number {
  const [left, setLeft] = useState(from ?? 0)
  useEffect(() => {
    setLeft(from ?? 0)
    if (from === null || from <= 0) return
    const timer = setInterval(() => setLeft((s) => Math.max(0, s - 1)), 1000)
    return () => clearInterval(timer)
  }, [from])
  return left
}

export function DenialCard({ fail, onRetry }: { fail: Fail; onRetry?: () => void }) {
  const d = fail.denial
  const left = useCountdown(d?.retry_after_s ?? null)
  const away = fail.status === 0 && d === null
  const full = d !== null && d.limit !== null && d.current !== null && d.limit > 0
  return (
    <div className={css.denial} role="alert">
      <strong>{away ? words.fail.offline : sentence(fail.message)}</strong>
      {away ? <p>{words.fail.offlineCure}</p> : null}
      {d === null || d.cure === '' ? null : <p>{sentence(d.cure)}</p>}
      {full ? (
        <div>
          <div className={css.row}>
            <span className={css.mono}>{d.rule}</span>
            <span>
              {d.current} {words.fail.now}, {words.fail.limit.toLowerCase()} {d.limit}
            </span>
          </div>
          <div className={`${css.gauge} ${css.fault}`} aria-hidden="true">
            <div style={{ inlineSize: `${Math.min(100, ((d.current ?? 0) / (d.limit ?? 1)) * 100)}%` }} />
          </div>
        </div>
      ) : null}
      {d?.allowed ? (
        <p>
          {words.fail.allowed}: {plain(d.allowed)}
        </p>
      ) : null}
      <div className={css.row}>
        {onRetry === undefined ? null : (
          <Button onPress={onRetry} isDisabled={left > 0}>
            {left > 0 ? words.fail.again(left) : words.retry}
          </Button>
        )}
        {d?.doc ? (
          <a href={`${d.doc}#${d.rule}`} target="_blank" rel="noreferrer">
            {words.fail.doc}
          </a>
        ) : null}
        {fail.requestId === null ? null : (
          <span className={css.hint}>
            {words.fail.request} <span className={css.mono}>{fail.requestId}</span>
          </span>
        )}
      </div>
    </div>
  )
}
