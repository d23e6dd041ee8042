import { describe, expect, it } from 'vitest'
import { bytes, clock, exact, mib, plain, short, size, span, whole } from './format'

describe('what the eye reads', () => {
  it('has one unit for an age, and all of them for a sum', () => {
    expect([span(0), span(59.9), span(60), span(3599), span(86_400 * 2.9)]).toEqual([
      '0 s',
      '59 s',
      '1 min',
      '59 min',
      '2 d',
    ])
    expect([exact(0), exact(3725), exact(86_400)]).toEqual(['0 s', '1 h 2 min 5 s', '1 d'])
  })
  it('writes sizes as clients do', () => {
    expect([size({ vcpus: 2, memory_mib: 4096 }), size({ vcpus: 1, memory_mib: 256 })]).toEqual(['2c4g', '1c256m'])
    expect([mib(512), mib(1536), bytes(1 << 30)]).toEqual(['512 MiB', '1.50 GiB', '1 GiB'])
    expect([bytes(0), bytes(1023), bytes(1536), bytes(8 << 20)]).toEqual(['0 B', '1023 B', '1.50 KiB', '8 MiB'])
    expect(short('i7f3aaaaaaaaaaaaaaax9')).toBe('i7f3..x9')
  })
  it('takes from an address what is a number, and nothing else', () => {
    expect([whole('17'), whole(''), whole('1.5'), whole('-1'), whole('1234567890')]).toEqual([
      17,
      null,
      null,
      null,
      null,
    ])
  })
  it('shows the day of what is not today', () => {
    const now = new Date('2026-11-30T15:00:00Z')
    expect(clock('2026-11-30T14:02:11.5Z', { utc: true }, now)).toBe('14:02:11')
    expect(clock('2026-11-29T14:02:11Z', { utc: true }, now)).toBe('2026-11-29 14:02:11')
  })
  it('obeys no character that is not seen', () => {
    expect(plain('a\u202eb\u0007c\nd')).toBe('a\ufffdb\ufffdc\ufffdd')
    expect(plain('ok é 中')).toBe('ok é 中')
  })
})
