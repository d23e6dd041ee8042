/**
 * The one place where money becomes a float: how far a chart's mark is from its base line, in pixels. It is for
 * drawing and goes nowhere else; tests/lint/exact names this file and no other.
 */
import type { Money } from './money.ts'

/** From 0 to `length`, to a millionth of it; what is below 0 stands on the base line, what is above `most` at the end. */
export function pixels(value: Money, most: Money, length: number): number {
  if (value <= 0n || most <= 0n) {
    return 0
  }
  if (value >= most) {
    return length
  }
  return (Number((value * 1_000_000n) / most) * length) / 1_000_000
}
