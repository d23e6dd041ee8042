import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as m from './money.ts'
import { pixels } from './scale.ts'

/** Python's Decimal, which shares nothing with us: one line of JSON in, one out. */
function decimal(body: string, input: unknown): unknown[] {
  const program = `
import decimal, json, sys
decimal.getcontext().prec = 120
D = decimal.Decimal
q = lambda v, n: format(v.quantize(D(1).scaleb(-n), rounding=decimal.ROUND_HALF_UP), 'f')
z = lambda v: v if D(v) != 0 else v.lstrip('-')
print(json.dumps([${body} for x in json.load(sys.stdin)]))`
  return JSON.parse(
    execFileSync('python3', ['-c', program], { input: JSON.stringify(input), encoding: 'utf8', maxBuffer: 1 << 28 }),
  )
}

const digits = (least: number, most: number) => fc.stringMatching(new RegExp(`^[0-9]{${least},${most}}$`))
const amount = (before: number, behind: number, sign = true) =>
  fc
    .tuple(sign ? fc.boolean() : fc.constant(false), digits(1, before), digits(0, behind))
    .map(([minus, a, b]) => `${minus ? '-' : ''}${a}${b === '' ? '' : `.${b}`}`)
const many = <T>(of: fc.Arbitrary<T>, seed: number) => fc.sample(of, { numRuns: 10_000, seed })

describe('money against Decimal', () => {
  it('reads and writes 10,000 amounts', () => {
    const texts = many(amount(20, 18), 1)
    expect(texts.map((t) => m.moneyText(m.money(t)))).toEqual(decimal('z(q(D(x), 18))', texts))
  })
  it('multiplies 10,000 prices by quantities', () => {
    const pairs = many(fc.tuple(amount(6, 12, false), amount(14, 6)), 2)
    expect(pairs.map(([p, q]) => m.moneyText(m.multiply(m.price(p), m.quantity(q))))).toEqual(
      decimal('z(q(D(x[0]) * D(x[1]), 18))', pairs),
    )
  })
  it('adds, subtracts and compares 10,000 pairs', () => {
    const pairs = many(fc.tuple(amount(20, 18), amount(20, 18)), 3)
    const ours = pairs.map(([a, b]) => [
      m.moneyText(m.add(m.money(a), m.money(b))),
      m.moneyText(m.subtract(m.money(a), m.money(b))),
      m.compare(m.money(a), m.money(b)),
    ])
    expect(ours).toEqual(
      decimal(
        '[z(q(D(x[0]) + D(x[1]), 18)), z(q(D(x[0]) - D(x[1]), 18)), (D(x[0]) > D(x[1])) - (D(x[0]) < D(x[1]))]',
        pairs,
      ),
    )
  })
  it('sums 10,000 amounts', () => {
    const texts = many(amount(20, 18), 4)
    expect([m.moneyText(m.sum(texts.map(m.money)))]).toEqual(decimal('z(q(sum(D(t) for t in x), 18))', [texts]))
  })
  it('rounds 10,000 amounts to what a currency has, halves away from zero', () => {
    const halves = fc
      .tuple(fc.boolean(), digits(1, 8), digits(0, 4), fc.constantFrom('5', '50', '49', '500000001', '4999999999'))
      .map(([s, a, b, c]) => `${s ? '-' : ''}${a}.${b}${c}`)
    const cases = many(
      fc.tuple(
        fc.oneof(halves, amount(20, 18)),
        fc.constantFrom(['JPY', 0], ['USD', 2], ['CNY', 2], ['KWD', 3], ['CLF', 4]),
      ),
      5,
    )
    const ours = cases.map(([t, [currency]]) => m.minorText(m.money(t), String(currency)))
    expect(ours).toEqual(decimal('z(q(D(x[0]), x[1][1]))', cases))
  })
  it('shows no other digits than there are', () => {
    for (const text of many(amount(20, 18), 6)) {
      const value = m.money(text)
      const { sign, whole, fraction, zeros } = m.shown(value)
      expect(`${sign}${whole.replaceAll(',', '')}.${fraction}${zeros}`).toBe(m.moneyText(value))
      expect(zeros).toMatch(/^0*$/)
      expect(m.money(m.sentence(value).replaceAll(',', ''))).toBe(value)
      expect(m.typed(` ${m.sentence(value)} `)).toBe(value)
    }
  })
})

describe('the vectors that customers were promised', () => {
  const VCPU = m.price('0.0000217')
  const MEMORY = m.price('0.00001083')
  const DISK = m.price('0.0000003')
  const cost = (...lines: [m.Price, string][]) =>
    m.moneyText(m.sum(lines.map(([per, qty]) => m.multiply(per, m.quantity(qty)))))
  it('2 vCPU, 4 GiB, 3,600 s', () => {
    expect(cost([VCPU, '7200'], [MEMORY, '14400'])).toBe('0.312192000000000000')
    expect(cost([m.price('0.0000342'), '7200'], [m.price('0.00001711'), '14400'])).toBe('0.492624000000000000')
  })
  it('1 vCPU, 2 GiB, 47 s', () => expect(cost([VCPU, '47'], [MEMORY, '94'])).toBe('0.002037920000000000'))
  it('disk: what exceeds 30 GiB while it runs, all of it asleep', () => {
    expect(cost([DISK, '18000'])).toBe('0.005400000000000000')
    expect(cost([DISK, '72000'])).toBe('0.021600000000000000')
  })
  it('runs 1,000 s, then sleeps 2,600 s', () =>
    expect(cost([VCPU, '1000'], [MEMORY, '1000'], [DISK, '1000'], [DISK, '80600'])).toBe('0.057010000000000000'))
  it('pooled minutes', () => {
    expect(cost([m.price('0.005'), '0'])).toBe('0.000000000000000000')
    expect(cost([m.price('0.005'), '1'])).toBe('0.005000000000000000')
  })
})

describe('what is no amount', () => {
  it.each([
    '',
    '.',
    '1.',
    '.5',
    '+1',
    '1e3',
    '0x10',
    'NaN',
    'Infinity',
    ' 1',
    '1 ',
    '1,000',
    '--1',
    '1.0000000000000000001',
    '１',
    '1_000',
  ])('%j', (text) => {
    expect(() => m.money(text)).toThrow(RangeError)
  })
  it('is not guessed at where a person typed it', () => {
    expect(m.typed('1,234.5')).toBe(m.money('1234.5'))
    expect(m.typed('12.')).toBe(m.money('12'))
    for (const text of ['1,5', '1,2345', '12,34', 'ten', '', '1.2.3']) {
      expect(m.typed(text)).toBeNull()
    }
  })
  it('has no decimals that it could be paid in', () => {
    expect(['USD', 'CNY', 'JPY', 'KWD', 'CLF', 'XAU', 'usd', 'EURO'].map(m.exponent)).toEqual([
      2,
      2,
      0,
      3,
      4,
      null,
      null,
      null,
    ])
  })
})

it('stands below each other by the point', () => {
  expect(m.aligned(['4211.06', '-0.0570100', '17'].map(m.money))).toEqual(['4,211.06000', '   -0.05701', '   17.00000'])
})

it('is drawn in pixels, and stays on the paper', () => {
  expect([-1n, 0n, 1n, 25n, 100n, 101n].map((v) => pixels(v as m.Money, 100n as m.Money, 240))).toEqual([
    0, 0, 2.4, 60, 240, 240,
  ])
  expect(pixels(m.money('0.005'), m.money('8000'), 240)).toBeLessThan(0.001)
})
