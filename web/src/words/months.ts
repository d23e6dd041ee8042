// Months and days of UTC, as bills have them: "2026-11", "2026-11-30".

export const monthOf = (at: Date): string => at.toISOString().slice(0, 7)
export const isMonth = (text: string): boolean => /^\d{4}-(0[1-9]|1[0-2])$/.test(text)
export const isDay = (text: string): boolean => /^\d{4}-(0[1-9]|1[0-2])-\d{2}$/.test(text)

export function monthAfter(month: string, by: number): string {
  return monthOf(
    new Date(Date.UTC(Number.parseInt(month.slice(0, 4), 10), Number.parseInt(month.slice(5), 10) - 1 + by, 1)),
  )
}

/** Seconds of UTC from which to which it goes. */
export function rangeOf(month: string): { from: number; to: number } {
  const second = (text: string) => Date.parse(`${text}-01T00:00:00Z`) / 1000
  return { from: second(month), to: second(monthAfter(month, 1)) }
}

/** The last so many months, this one first. */
export function lastMonths(now: Date, n: number): string[] {
  const month = monthOf(now)
  return Array.from({ length: n }, (_, i) => monthAfter(month, -i))
}

export function daysOf(month: string): string[] {
  const { from, to } = rangeOf(month)
  return Array.from({ length: Math.round((to - from) / 86_400) }, (_, i) =>
    new Date((from + i * 86_400) * 1000).toISOString().slice(0, 10),
  )
}
