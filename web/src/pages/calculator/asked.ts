// What the calculator is asked, three ways: as it is typed and stands in the address, what is wrong with it, and as the API takes it.
import { billing } from '../../words/billing'

const w = billing.calculator

/** Bounds are the API's own, where the day and the month do not bound them first. */
export const FIELDS = {
  vcpus: { least: 1, most: 1024, digits: 4, first: '2' },
  memory: { least: 1, most: 16_777_216, digits: 8, first: '4096' },
  disk: { least: 0, most: 16_777_216, digits: 8, first: '1024' },
  count: { least: 1, most: 1_000_000, digits: 7, first: '10' },
  run: { least: 0, most: 24, digits: 2, first: '8' },
  hib: { least: 0, most: 24, digits: 2, first: '16' },
  days: { least: 1, most: 31, digits: 2, first: '30' },
  idle: { least: 0, most: 100, digits: 3, first: '80' },
} as const

export type Field = keyof typeof FIELDS
export type Asked = Record<Field, string> & { of: 'size' | 'box'; box: string }

const NAMES = Object.keys(FIELDS) as Field[]

export function ofAddress(search: string): Asked {
  const said = new URLSearchParams(search)
  const box = said.get('box') ?? ''
  const out: Asked = {
    of: said.get('of') === 'box' || (said.get('of') === null && box !== '') ? 'box' : 'size',
    box,
    vcpus: '',
    memory: '',
    disk: '',
    count: '',
    run: '',
    hib: '',
    days: '',
    idle: '',
  }
  for (const name of NAMES) out[name] = said.get(name) ?? FIELDS[name].first
  return out
}

const whole = (text: string): number => (/^\d{1,9}$/.test(text) ? Number.parseInt(text, 10) : Number.NaN)

/** A sentence, or null: it can be asked. */
export function wrong(asked: Asked): string | null {
  const used = NAMES.filter((name) => (name === 'idle') === (asked.of === 'box'))
  for (const name of used) {
    const { least, most } = FIELDS[name]
    const n = whole(asked[name])
    if (!(n >= least && n <= most)) return w.wrong(w.fields[name], least, most)
  }
  return asked.of === 'size' && whole(asked.run) + whole(asked.hib) > 24 ? w.wrongDay : null
}

export function bodyOf(asked: Asked) {
  if (asked.of === 'box') return { sandbox: asked.box, idle_percent: whole(asked.idle) }
  return {
    vcpus: whole(asked.vcpus),
    memory_mib: whole(asked.memory),
    disk_mib: whole(asked.disk),
    count: whole(asked.count),
    running_s_a_day: whole(asked.run) * 3600,
    asleep_s_a_day: whole(asked.hib) * 3600,
    days: whole(asked.days),
  }
}
