// Times, spans and sizes for the eye. Money is not here: money/ reads it.

export type Zone = { utc: boolean }
const zone = ({ utc }: Zone) => (utc ? { timeZone: 'UTC' } : {})

/** The whole number in an address, or null: it is none, or larger than any that is counted. */
export function whole(text: string): number | null {
  return /^\d{1,9}$/.test(text) ? Number.parseInt(text, 10) : null
}

/** 14:02:11, with the day before it where it is not today. */
export function clock(at: string, z: Zone, now: Date = new Date()): string {
  const date = new Date(at)
  const day = new Intl.DateTimeFormat('en-CA', { ...zone(z), dateStyle: 'short' })
  const time = new Intl.DateTimeFormat('en-GB', { ...zone(z), timeStyle: 'medium' }).format(date)
  return day.format(date) === day.format(now) ? time : `${day.format(date)} ${time}`
}

export function monthName(at: Date): string {
  return new Intl.DateTimeFormat('en', { timeZone: 'UTC', month: 'long' }).format(at)
}

/** 4 h, 12 min, 3 s: one unit, never rounded up. */
export function age(from: string, to: Date): string {
  return span((to.getTime() - new Date(from).getTime()) / 1000)
}

export function span(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min`
  if (s < 86_400) return `${Math.floor(s / 3600)} h`
  return `${Math.floor(s / 86_400)} d`
}

/** 1 h 02 min 05 s: all of it. */
export function exact(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds))
  const parts = [
    [Math.floor(s / 86_400), 'd'],
    [Math.floor(s / 3600) % 24, 'h'],
    [Math.floor(s / 60) % 60, 'min'],
    [s % 60, 's'],
  ] as const
  const shown = parts.filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`)
  return shown.length > 0 ? shown.join(' ') : '0 s'
}

export function mib(n: number): string {
  return n >= 1024 ? `${trimmed(n / 1024)} GiB` : `${trimmed(n)} MiB`
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`
  return n < 1 << 20 ? `${trimmed(n / 1024)} KiB` : mib(n / (1 << 20))
}

function trimmed(n: number): string {
  return n.toFixed(n < 10 && !Number.isInteger(n) ? 2 : n < 100 && !Number.isInteger(n) ? 1 : 0)
}

/** 2c4g: how E2B clients write a size. */
export function size(spec: { vcpus?: number | undefined; memory_mib?: number | undefined }): string {
  const m = spec.memory_mib ?? 0
  return `${spec.vcpus ?? 0}c${m % 1024 === 0 && m > 0 ? `${m / 1024}g` : `${m}m`}`
}

/** i7f3..x9 */
export function short(id: string): string {
  return id.length > 10 ? `${id.slice(0, 4)}..${id.slice(-2)}` : id
}

// Control characters, and those that turn the direction of text: in a name they are shown as a mark, not obeyed.
const HIDDEN = /[\p{Cc}\p{Cf}\u2028\u2029]/gu
export function plain(text: string): string {
  return text.replace(HIDDEN, '\ufffd')
}
