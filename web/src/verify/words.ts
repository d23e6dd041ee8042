/** A verdict in sentences: what was found and where, what it means, what was not seen. */
import type { Found, Kind } from './fault.ts'
import type { Verdict } from './verify.ts'

export const KINDS: Readonly<Record<Kind, string>> = {
  damaged: 'The file cannot be read to its end. Fetch it once more.',
  edited: 'Its bytes are not those that were signed: somebody has changed it, or it was damaged on its way.',
  dropped: 'A record that belongs to the bundle is missing.',
  doubled: 'A record is there twice.',
  reordered: 'A record stands where another one belongs.',
  foreign: 'The key that signed it is not one that was valid then.',
  wrong: 'It was signed by the service, and does not follow from what it was made of.',
}

const count = (n: number, one: string, many: string): string => `${n.toLocaleString('en')} ${n === 1 ? one : many}`

/** Which record, in words: "attestation 17 of statement 4, page 2 (i02b..qa, epoch 1)". */
export function where(f: Found): string {
  if (f.entry === '') {
    return 'the beginning of the file'
  }
  const page = f.statement !== null && f.page !== null ? `statement ${f.statement}, page ${f.page}` : f.entry
  if (f.place === null) {
    return page === f.entry || f.entry.endsWith('.json') ? page : `attestations of ${page}`
  }
  const what = f.entry.startsWith('invoices/') ? 'line' : f.entry.endsWith('.bin') ? 'attestation' : 'row'
  const of = f.sandbox === null ? '' : ` (${f.sandbox}, epoch ${f.epoch ?? 0})`
  return `${what} ${f.place} of ${page}${of}`
}

/** What was looked at, a sentence each. */
export function seen(v: Verdict): string[] {
  const { exact, less, unattested, nothing } = v.rows
  const out = [
    `${count(exact, 'life of a sandbox is', 'lives of sandboxes are')} charged for exactly what was sworn to.`,
  ]
  if (less > 0) {
    out.push(`${count(less, 'is', 'are')} charged for less than that.`)
  }
  if (nothing > 0) {
    out.push(`${count(nothing, 'is', 'are')} charged for nothing: nobody saw it run.`)
  }
  const { invoices, credit_notes } = v.documents
  if (invoices + credit_notes > 0) {
    out.push(
      `${count(invoices, 'invoice', 'invoices')} and ${count(credit_notes, 'credit note', 'credit notes')} add up to the last decimal.`,
    )
  }
  if (unattested > 0) {
    out.push(
      `${count(unattested, 'life was', 'lives were')} signed by the service alone: the sums are right, that it ran cannot be seen.`,
    )
  }
  return out
}

/** What nothing in the file can prove. */
export function believed(v: Verdict): string[] {
  const all: [number, string][] = [
    [
      v.links.broken,
      'attestations do not name the one before; a worker that was late does that, many of them are worth a question',
    ],
    [v.unpaged, 'statements are of the first kind: signature and chain alone were checked'],
    [v.documents.partly, 'documents have statements that are not in this file: their lines were believed'],
    [v.pools_unseen, 'pools of minutes begin before this file does'],
    [v.pools_split, 'pools of minutes were checked as a whole, not by second'],
    [v.tiers_unseen, 'counts of tiers begin before this file does'],
    [v.corrections.unseen, 'corrected lives were stated before this file begins'],
  ]
  return all.filter(([n]) => n > 0).map(([n, words]) => `${n.toLocaleString('en')} ${words}.`)
}
