// Runs cases, each with a time limit, and says what came of it: `ok NAME`, `not ok NAME: why` or `skip NAME: why`.

const BUDGET_MS = 240_000
const cases = []

export class Skip extends Error {}

export function test(name, limitS, body) {
  cases.push({ name, limitMs: limitS * 1000, body })
}

export function skip(why) {
  throw new Skip(why)
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const short = (text) => (text.length <= 200 ? text : `${text.slice(0, 160)}... (${text.length} characters)`)
const show = (value) => (value instanceof Error ? `${value.constructor.name}: ${value.message}` : JSON.stringify(value) ?? String(value))

export function equal(got, expected, what = '') {
  if (show(got) !== show(expected)) {
    throw new Error(`${what && what + ': '}got ${short(show(got))}, expected ${short(show(expected))}`)
  }
}

export function holds(condition, why) {
  if (!condition) throw new Error(why)
}

// The error, which must be of that class.
export async function raises(kind, promise) {
  let got
  try {
    got = await promise
  } catch (e) {
    if (e instanceof kind) return e
    throw new Error(`raised ${short(show(e))} instead of ${kind.name}`)
  }
  throw new Error(`returned ${short(show(got))} instead of raising ${kind.name}`)
}

// The first true value of condition().
export async function waitFor(what, condition, limitS = 10, everyMs = 50) {
  const end = Date.now() + limitS * 1000
  for (;;) {
    const value = await condition()
    if (value) return value
    holds(Date.now() < end, `${what}: not within ${limitS} s`)
    await sleep(everyMs)
  }
}

async function attempt(body, limitMs) {
  let timer
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still not done after ${limitMs / 1000} s`)), limitMs)
  })
  try {
    await Promise.race([body(), limit])
    return null
  } catch (e) {
    return e
  } finally {
    clearTimeout(timer)
  }
}

// Ends the process. A rejection that nobody waits for is shown and fails nothing: the case says what it expects.
export async function run(label, wanted, afterFailure, atEnd) {
  process.on('unhandledRejection', (e) => console.log(`  a rejection nobody waited for: ${short(show(e))}`))
  const end = Date.now() + BUDGET_MS
  let failed = 0
  for (const { name, limitMs, body } of cases) {
    if (wanted.length > 0 && !wanted.some((w) => name.startsWith(w))) continue
    const began = Date.now()
    const left = Math.min(limitMs, end - began)
    const why = left > 0 ? await attempt(body, left) : new Error('no time left')
    if (why === null) {
      console.log(`  ${((Date.now() - began) / 1000).toFixed(2)} s\nok conformance/${label}/${name}`)
    } else if (why instanceof Skip) {
      console.log(`skip conformance/${label}/${name}: ${why.message}`)
    } else {
      failed++
      console.log(why.stack)
      console.log(`not ok conformance/${label}/${name}: ${short((why.message || String(why)).replace(/\s+/g, ' '))}`)
      await attempt(afterFailure, 20_000)
    }
  }
  await attempt(atEnd, 20_000)
  process.exit(failed > 0 ? 1 : 0)
}
