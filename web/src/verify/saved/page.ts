/** The page that can be saved: a bundle in, a verdict out, and nothing that could reach a network. */
import './page.css'
import { money, shown } from '../../money/money.ts'
import { Cancelled, type Check, check, type Far, pinsOf } from '../check.ts'
import type { Verdict } from '../verify.ts'
import { believed, KINDS, seen, where } from '../words.ts'

const SVG = 'http://www.w3.org/2000/svg'
const MARK =
  'M20 15.5A8.5 8.5 0 1 1 20.2 8.6M20 15.5c-.9 2.5-3 3.6-5 3.2-2.3-.5-3.4-2.5-2.9-4.4.4-1.5 2-2.3 3.3-1.8M6.6 11q1.2 1.3 2.6.2M5.2 6.2C4.3 3.9 6.3 2.6 8.2 4'
const TICK = 'M4 12.5 9.5 18 20 6.5'
const CROSS = 'M6 6 18 18M18 6 6 18'
const QUESTION = 'M8.5 9a3.5 3.5 0 1 1 5 3.2c-1 .5-1.5 1.1-1.5 2.3M12 18.5v.01'

type Part = Node | string

function el(tag: string, attributes: Readonly<Record<string, string>> = {}, ...parts: readonly Part[]): HTMLElement {
  const out = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    out.setAttribute(name, value)
  }
  out.append(...parts)
  return out
}

function glyph(path: string, size: number): Node {
  const svg = document.createElementNS(SVG, 'svg')
  const line = document.createElementNS(SVG, 'path')
  line.setAttribute('d', path)
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('width', String(size))
  svg.setAttribute('height', String(size))
  svg.setAttribute('aria-hidden', 'true')
  svg.append(line)
  return svg
}

interface Policy {
  createScriptURL(url: string): string
}
interface Policies {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): Policy
}

/** The Worker whose program stands in this page. Only a URL that was just made for it is ever trusted. */
function workerOf(program: string): Worker {
  const url = URL.createObjectURL(new Blob([program], { type: 'text/javascript' }))
  const worker = new Worker(policy === undefined ? url : policy.createScriptURL(url))
  URL.revokeObjectURL(url)
  return worker
}
const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes
const policy = policies?.createPolicy('dormouse-verify', { createScriptURL: (url) => url })

const program = document.getElementById('worker')?.textContent ?? ''
const input = el('input', { type: 'file', accept: '.zst,application/zstd' }) as HTMLInputElement
const drop = el('label', { class: 'drop' }, el('strong', {}, 'Choose a bundle, or drop it here'), input)
const pins = el('textarea', { id: 'pins', rows: '2', spellcheck: 'false', autocomplete: 'off' }) as HTMLTextAreaElement
const outcome = el('div', { 'aria-live': 'polite' })
let running: Check | null = null

drop.append(
  el('span', { class: 'quiet' }, 'A .tar.zst file, from "Bundle" on an invoice or a statement, or from the API'),
)

function card(kind: string, ...parts: readonly Part[]): void {
  outcome.replaceChildren(el('section', { class: `card ${kind}` }, ...parts))
}

function heading(path: string, words: string, more = ''): HTMLElement {
  const place = more === '' ? [] : [el('span', { class: 'place' }, ` ${more}`)]
  return el('h2', { class: 'verdict' }, glyph(path, 28), el('span', {}, words, ...place))
}

function facts(of: readonly (readonly [string, Part])[]): HTMLElement {
  return el('dl', {}, ...of.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]))
}

function total(v: Verdict): HTMLElement {
  const { sign, whole, fraction, zeros } = shown(money(v.total))
  const copy = el('button', { type: 'button' }, 'Copy')
  copy.addEventListener('click', () => {
    void navigator.clipboard.writeText(v.total).then(() => copy.replaceChildren('Copied'))
  })
  const digits = el('span', {}, `${sign}${whole}.${fraction}`, el('span', { class: 'zeros' }, zeros))
  return el('div', { class: 'row' }, el('div', { class: 'total' }, el('small', {}, `${v.currency} `), digits), copy)
}

function good(v: Verdict, file: File, took: string): void {
  const asked = pinsOf(pins.value) ?? []
  const more = believed(v)
  card(
    'good',
    heading(TICK, 'VERIFIED'),
    total(v),
    facts([
      ['Statements', `${v.first} to ${v.last}, all of them, in one chain`],
      ['Account', el('code', {}, v.account)],
      ['File', `${file.name}, ${took}`],
      [
        asked.length > 0 ? 'Keys, as you gave them' : 'Keys',
        el('span', {}, ...v.keys.map((key) => el('code', {}, `${key} `))),
      ],
    ]),
    el('ul', {}, ...seen(v).map((words) => el('li', {}, words))),
    ...(more.length > 0
      ? [el('div', { class: 'quiet' }, 'Worth knowing:', el('ul', {}, ...more.map((words) => el('li', {}, words))))]
      : []),
    ...(asked.length > 0
      ? []
      : [
          el(
            'p',
            { class: 'quiet' },
            'The keys came with the file. Compare them with GET /v1/keys, or with a bundle that you trust.',
          ),
        ]),
  )
}

function bad(v: Verdict, file: File): void {
  const { fault } = v
  if (fault === null) {
    return
  }
  const title = fault.words.charAt(0).toUpperCase() + fault.words.slice(1)
  card(
    'bad',
    heading(CROSS, 'REFUSED', `at ${where(fault)}`),
    el('p', {}, `${title}.`),
    el('p', { class: 'quiet' }, KINDS[fault.kind]),
    facts([
      ['Record', el('code', {}, fault.entry === '' ? file.name : fault.entry)],
      ...(fault.hash === null ? [] : [['Attestation', el('code', {}, fault.hash)] as const]),
      ['Kind', fault.kind],
      ['File', file.name],
    ]),
    el('p', { class: 'quiet' }, 'All before that record is right. Nothing behind it was looked at.'),
  )
}

function said(v: Verdict, file: File, took: string): void {
  document.title = `${v.verdict === 'good' ? 'Verified' : v.verdict === 'bad' ? 'Refused' : 'Not known'}: ${file.name}`
  if (v.verdict === 'good') {
    good(v, file, took)
  } else if (v.verdict === 'bad') {
    bad(v, file)
  } else {
    const why = `It has ${v.unknown ?? 'something'}, which this page is too old to know. Neither good nor bad: fetch a newer page.`
    card('unknown', heading(QUESTION, 'NOT KNOWN'), el('p', {}, why))
  }
}

function start(file: File): void {
  const given = pinsOf(pins.value)
  pins.setAttribute('aria-invalid', String(given === null))
  if (given === null) {
    pins.closest('details')?.setAttribute('open', '')
    pins.focus()
    return
  }
  running?.cancel()
  const bar = el('progress', { max: '1', value: '0', 'aria-label': 'Progress' }) as HTMLProgressElement
  const far = el('span', { class: 'quiet' }, 'reading')
  const cancel = el('button', { type: 'button' }, 'Cancel')
  card('running', el('div', { class: 'row' }, el('h2', {}, `Checking ${file.name}`), cancel), bar, far)
  const from = performance.now()
  const mine = check(workerOf(program), { file, pins: given }, ({ bytes, of, statement, last, rows }: Far) => {
    bar.value = bytes / (of > 0 ? of : 1)
    far.textContent =
      last === 0 ? 'reading' : `statement ${statement} of ${last}, ${rows.toLocaleString('en')} attestations`
  })
  running = mine
  cancel.addEventListener('click', () => {
    mine.cancel()
  })
  mine.done
    .then((v) => {
      said(v, file, `${(Math.round((performance.now() - from) / 100) / 10).toLocaleString('en')} s in this browser`)
    })
    .catch((e: unknown) => {
      if (e instanceof Cancelled) {
        outcome.replaceChildren()
      } else {
        card(
          'bad',
          heading(CROSS, 'Not read'),
          el('p', {}, `The file could not be read: ${e instanceof Error ? e.message : String(e)}`),
        )
      }
    })
    .finally(() => {
      running = running === mine ? null : running
    })
}

function take(files: FileList | null | undefined): void {
  const file = files?.[0]
  if (file !== undefined) {
    start(file)
  }
}

input.addEventListener('change', () => {
  take(input.files)
  input.value = ''
})
for (const name of ['dragover', 'dragleave', 'drop'] as const) {
  document.addEventListener(name, (e) => {
    e.preventDefault()
    drop.classList.toggle('over', name === 'dragover')
    if (name === 'drop') {
      take(e.dataTransfer?.files)
    }
  })
}

document
  .getElementById('root')
  ?.append(
    el(
      'header',
      {},
      el('div', { class: 'brand' }, glyph(MARK, 24), 'dormouse'),
      el('h1', {}, 'Check a bill'),
      el(
        'p',
        { class: 'quiet' },
        'Every second is rated anew from what workers swore to: signatures, hashes, chains, lines, sums. It happens in this page; nothing leaves it. Save the page, and it works from your disk with the network off.',
      ),
    ),
    drop,
    el(
      'details',
      {},
      el('summary', {}, 'Hold it against keys that you know'),
      el(
        'label',
        { for: 'pins', class: 'quiet' },
        'Keys of the service in hex, or their SHA-256, as GET /v1/keys has shown them. A bundle with others is refused.',
      ),
      pins,
    ),
    outcome,
    el('footer', {}, 'Written from sdk/FORMAT.md alone, without the code that made the bill.'),
  )
