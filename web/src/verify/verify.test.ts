import { randomBytes } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rootOf, sha, unhex } from './bytes.ts'
import { Unreadable } from './fault.ts'
import { parse } from './json.ts'
import { type File, packed, sample, tar } from './sample.ts'
import { type Options, type Verdict, Verifier } from './verify.ts'
import { type Source, Unzstd } from './zstd.ts'

function inParts(bytes: Uint8Array, size = 1000): Source {
  let at = 0
  return () => {
    const part = bytes.subarray(at, at + size)
    at += part.length
    return Promise.resolve(part.length === 0 ? null : part)
  }
}

const verdict = (bytes: Uint8Array, options?: Options): Promise<Verdict> =>
  new Verifier(inParts(bytes), options).verdict()

const FILES = sample(3)
const changed = (name: string, change: (body: Uint8Array) => void): File[] =>
  FILES.map(([n, body]) => {
    const copy = new Uint8Array(body)
    if (n === name) {
      change(copy)
    }
    return [n, copy]
  })

describe('a bundle', () => {
  it('is good as it is, to the last decimal', async () => {
    const v = await verdict(packed(FILES))
    expect(v).toMatchObject({ verdict: 'good', fault: null, statements: 1, pages: 1, rows: { exact: 3, less: 0 } })
    expect(v.total).toBe('0.351324000000000000')
  })
  it('is judged the same without WebCrypto', async () => {
    const v = await verdict(packed(FILES), { subtle: undefined })
    expect(v.verdict).toBe('good')
    const last = changed('attestations/1/1.bin', (body) => {
      body[body.length - 1] = (body[body.length - 1] ?? 0) ^ 1
    })
    const both = [await verdict(packed(last)), await verdict(packed(last), { subtle: undefined })]
    expect(both.map((b) => b.fault)).toEqual([both[0]?.fault, both[0]?.fault])
    expect(both[0]?.fault).toMatchObject({ kind: 'edited', entry: 'attestations/1/1.bin', place: 3 })
  })
  it('comes in parts of any size', async () => {
    const bytes = packed(FILES)
    for (const size of [1, 7, 511, bytes.length]) {
      expect((await new Verifier(inParts(bytes, size)).verdict()).verdict).toBe('good')
    }
  })
  it('is refused at the file in which any byte is another', async () => {
    const spots = FILES.flatMap(([name, body]) => Array.from(body, (_, at): [string, number] => [name, at]))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...spots), fc.integer({ min: 1, max: 255 }), async ([name, at], by) => {
        const v = await verdict(
          packed(
            changed(name, (body) => {
              body[at] = (body[at] ?? 0) ^ by
            }),
          ),
        )
        expect(v.fault?.entry).toBe(name)
      }),
      { numRuns: 200 },
    )
  })
  it('names the parent of a fork, and says so by its versions', async () => {
    const judged = async (parent: number, page: number, head: number): Promise<Verdict> =>
      verdict(packed(sample(3, { parent, page, head })))
    expect(await judged(1, 4, 4)).toMatchObject({ verdict: 'good', total: '0.351324000000000000' })
    expect((await judged(1, 4, 2)).fault).toMatchObject({ entry: 'statements/1.json' })
    expect((await judged(1, 2, 4)).fault).toMatchObject({ entry: 'statements/1/pages/1.json' })
    expect((await judged(3, 4, 4)).fault).toMatchObject({ entry: 'statements/1/pages/1.json' })
    expect(await judged(1, 4, 6)).toMatchObject({ verdict: 'unknown' })
  })
  it('says what it is too old for', async () => {
    expect(await verdict(packed([...FILES, ['more/1.json', new Uint8Array(3)]]))).toMatchObject({ verdict: 'unknown' })
  })
  it('stops when it is told to', async () => {
    const stop = new Error('stop')
    const options: Options = {
      progress: () => {
        throw stop
      },
    }
    await expect(verdict(packed(FILES), options)).rejects.toBe(stop)
  })
})

describe('an archive', () => {
  const whole = packed(FILES)
  it('is damaged wherever it is cut', async () => {
    for (let n = 0; n < whole.length; n += 37) {
      const v = await verdict(whole.subarray(0, n))
      expect(['damaged', 'dropped']).toContain(v.fault?.kind)
    }
  })
  it('has nothing behind its end', async () => {
    const more = new Uint8Array([...whole, 0])
    expect((await verdict(more)).fault?.kind).toBe('damaged')
    const twice = new Uint8Array([...whole, ...packed([])])
    expect((await verdict(twice)).fault?.kind).toBe('damaged')
    const zeros = new Uint8Array(zstdCompressSync(new Uint8Array([...tar(FILES), ...new Uint8Array(512)])))
    expect((await verdict(zeros)).fault?.kind).toBe('damaged')
  })
  it('has one head for a file', async () => {
    const plain = tar(FILES)
    for (const at of [100, 108, 130, 140, 150, 156, 257, 300, 511]) {
      const copy = new Uint8Array(plain)
      copy[at] = (copy[at] ?? 0) ^ 1
      expect((await verdict(new Uint8Array(zstdCompressSync(copy)))).fault).toMatchObject({
        kind: 'damaged',
        entry: '',
      })
    }
  })
  it('does not make us hold what a few bytes unpack to', async () => {
    const bomb = new Uint8Array(zstdCompressSync(new Uint8Array(1 << 26)))
    expect(bomb.length).toBeLessThan(1 << 16)
    const of = new Unzstd(inParts(bomb, bomb.length))
    let most = 0
    let all = 0
    for (let part = await of.next(); part !== null; part = await of.next()) {
      most = Math.max(most, part.length)
      all += part.length
    }
    expect([all, most]).toEqual([1 << 26, 1 << 17])
  })
  it('gives back what was packed', async () => {
    for (const size of [0, 1, 1000, 131072, 131073, 3_000_000]) {
      const plain = new Uint8Array(Buffer.concat([randomBytes(size >> 1), Buffer.alloc(size - (size >> 1), 'abc')]))
      const of = new Unzstd(inParts(new Uint8Array(zstdCompressSync(plain))))
      const parts: Uint8Array[] = []
      for (let part = await of.next(); part !== null; part = await of.next()) {
        parts.push(part)
      }
      expect(sha(Buffer.concat(parts))).toBe(sha(plain))
    }
  })
  it('wants no larger window than 8 MiB', async () => {
    const head = (window: number): Uint8Array => new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0, window, 1, 0, 0])
    await expect(new Unzstd(inParts(head(13 << 3))).next()).resolves.toBeNull()
    await expect(new Unzstd(inParts(head((13 << 3) | 1))).next()).rejects.toThrow('window')
  })
})

describe('JSON', () => {
  const read = (text: string): unknown => parse(new TextEncoder().encode(text))
  it.each(['{"a":1,"b":[true,null,"x\\n\\"\\\\\\u0001\\u007f"]}', '[]', '{}', '-3', '"é"'])('%s', (text) => {
    expect(JSON.stringify(read(text)).replaceAll('\x7f', '\\u007f')).toBe(text)
  })
  const other = [
    '',
    ' 1',
    '1 ',
    '01',
    '-0',
    '1.0',
    '1e3',
    '9007199254740993',
    '{"b":1,"a":1}',
    '{"a":1,"a":1}',
    '[1,]',
    '"\\u0041"',
  ]
  it.each([
    ...other,
    '"\\/"',
    '"\\u000a"',
    '"\t"',
    '"\x7f"',
    '{"a" :1}',
    'nul',
    '"',
    '"\\',
    '['.repeat(20),
    '{"__proto__":1}x',
  ])('not %j', (text) => {
    expect(() => read(text)).toThrow(Unreadable)
  })
  it('has members of any name and no others', () => {
    expect(Object.keys(read('{"__proto__":1}') as object)).toEqual(['__proto__'])
  })
})

describe('the tree', () => {
  const slow = (hashes: string[]): string => {
    if (hashes.length === 0) {
      return sha(new Uint8Array(0))
    }
    if (hashes.length === 1) {
      return sha(unhex(`00${hashes[0]}`))
    }
    let left = 1
    while (left * 2 < hashes.length) {
      left *= 2
    }
    return sha(unhex(`01${slow(hashes.slice(0, left))}${slow(hashes.slice(left))}`))
  }
  it('is that of RFC 6962 for each number of leaves', () => {
    const hashes = Array.from({ length: 70 }, (_, i) => sha(new Uint8Array([i])))
    for (let n = 0; n <= hashes.length; n++) {
      expect(rootOf(hashes.slice(0, n))).toBe(slow(hashes.slice(0, n)))
    }
  })
})
