// What becomes of an order for a file, whoever gave it.
import type { Export, ExportOne } from '../../live/types'
import parts from '../../parts/parts.module.css'
import type { Look } from '../../parts/StateWord'
import { words } from '../../words'
import { billing } from '../../words/billing'
import { bytes, short } from '../../words/format'

export const EXPORT_LOOKS: Record<string, Look> = {
  queued: 'change',
  running: 'change',
  ready: 'good',
  failed: 'fault',
  cancelled: 'ended',
  removed: 'ended',
}

export const exportOpen = (state: string) => state === 'queued' || state === 'running'

/** from 2026-11 to 2026-12, not included: one month. */
export function exportMonths({ from, to }: Export): string {
  const first = from?.slice(0, 7) ?? words.none
  const last = to === null ? first : new Date(Date.parse(to) - 1).toISOString().slice(0, 7)
  return first === last ? first : `${first} to ${last}`
}

export function exportRows(row: Export): string {
  return exportOpen(row.state) ? billing.exports.of(row.rows_done, row.rows_total) : row.rows_done.toLocaleString('en')
}

export function Size({ row }: { row: Export }) {
  if (row.bytes === null) return words.none
  return (
    <span title={`SHA-256 ${row.sha256 ?? ''}`}>
      {bytes(row.bytes)}
      {row.sha256 === null ? null : <p className={`${parts.hint} ${parts.mono}`}>{short(row.sha256)}</p>}
    </span>
  )
}

export function fetchFile({ download }: Pick<ExportOne, 'download'>): void {
  if (download === null) return
  // it leads to this deployment alone, and neither cookie nor key goes with it
  const url = new URL(download.url)
  location.assign(new URL(url.pathname + url.search, location.origin))
}
