// What of the service's health needs a look, worst first: a rule a line, each with the page that shows its cause.
import { to } from '../../../app/routes'
import type { Health, SeenPeriod } from '../../../live/types'
import { span } from '../../../words/format'
import { ops } from '../../../words/ops'

const w = ops.health.reds
/** a meter beats each few seconds */
const METER_SILENT_S = 15
/** evidence is there some seconds after its second */
const EVIDENCE_LATE_S = 60

export type Red = { text: string; href: string }

export function redsOf(h: Health, periods: readonly SeenPeriod[], now: number): Red[] {
  const { workers, waiting, meter } = h
  const late = meter?.watermark == null ? 0 : (now - Date.parse(meter.watermark)) / 1000
  const differ = periods.filter((p) => (p.reconciliations.differ ?? 0) > 0).length
  const gaps = periods.reduce((sum, p) => sum + p.gap_s, 0)
  const rules: readonly (readonly [boolean, string, string])[] = [
    [meter === null, w.noMeter, to.opsMoney()],
    [(meter?.beat_age_s ?? 0) > METER_SILENT_S, w.meterSilent(span(meter?.beat_age_s ?? 0)), to.opsMoney()],
    [differ > 0, w.differ(differ), to.opsMoney('?tab=checks')],
    [(workers.late ?? 0) > 0, w.late(workers.late ?? 0), to.opsFleet],
    [late > EVIDENCE_LATE_S, w.evidence(span(late)), to.opsMoney()],
    [gaps > 0, w.gaps(gaps), to.opsMoney('?tab=gaps')],
    [(workers.refusing ?? 0) > 0, w.refusing(workers.refusing ?? 0), to.opsFleet],
    [(waiting.sweep ?? 0) > 0, w.sweep(waiting.sweep ?? 0), to.opsSandboxes()],
    [(waiting.held ?? 0) > 0, w.held(waiting.held ?? 0), to.opsSandboxes('?state=running')],
    [(waiting.letters_given_up ?? 0) > 0, w.letters(waiting.letters_given_up ?? 0), '/docs/operators#mail'],
    [(workers.draining ?? 0) > 0, w.draining(workers.draining ?? 0), to.opsFleet],
  ]
  return rules.filter(([red]) => red).map(([, text, href]) => ({ text, href }))
}
