import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openStream } from './stream'

type Answer = () => Response | Promise<Response>
const encoder = new TextEncoder()
const json = (body: object, status = 200) => new Response(JSON.stringify(body), { status })
/** A stream that says one event and then holds. */
const streaming = (event: string) => () =>
  new Response(
    new ReadableStream({
      start: (c) => c.enqueue(encoder.encode(`event: ${event}\nid: 7\ndata: {"counts":null}\n\n`)),
    }),
  )

let stream: Answer
let once: Answer
let asked: string[]
const page = () => Object.assign(new EventTarget(), { hidden: false })

beforeEach(() => {
  vi.useFakeTimers()
  asked = []
  vi.stubGlobal('document', page())
  vi.stubGlobal('window', new EventTarget())
  vi.stubGlobal('location', { origin: 'http://console.test' })
  vi.stubGlobal('fetch', async (input: Request) => {
    const url = new URL(input.url)
    asked.push(url.search)
    return url.searchParams.has('once') ? once() : stream()
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function open() {
  const said: string[] = []
  const close = openStream('demo', {
    event: (name, _, byAsking) => said.push(byAsking ? `asked ${name}` : name),
    status: (now) => said.push(now),
  })
  return { said, close }
}
const later = (ms: number) => vi.advanceTimersByTimeAsync(ms)

describe('a project that is looked at', () => {
  it('is asked for every two seconds while its stream is refused, and no more when it is there', async () => {
    stream = () => json({ message: 'too many streams at this moment' }, 503)
    once = () => json({ counts: { running: 1 } })
    const { said, close } = open()
    await later(4500)
    expect(said.filter((word) => word === 'asked snapshot').length).toBe(3)
    expect(said.at(-2)).toBe('polling')
    stream = streaming('snapshot')
    await later(8000)
    expect(said.slice(-2)).toEqual(['live', 'snapshot'])
    const before = asked.length
    await later(10_000)
    expect(asked.length).toBe(before)
    close()
  })
  it('says that nobody answers, and asks on', async () => {
    stream = () => Promise.reject(new TypeError('no network'))
    once = stream
    const { said, close } = open()
    await later(3000)
    expect(said.at(-1)).toBe('away')
    once = () => json({ counts: { running: 1 } })
    await later(2500)
    expect(said.slice(-2)).toEqual(['polling', 'asked snapshot'])
    close()
    const before = asked.length
    await later(20_000)
    expect(asked.length).toBe(before)
  })
  it('is asked for where its stream begins and says nothing', async () => {
    stream = () => new Response(new ReadableStream())
    once = () => json({ counts: { running: 1 } })
    const { said, close } = open()
    await later(4900)
    expect(said).toEqual(['connecting'])
    await later(200)
    expect(said.slice(-2)).toEqual(['polling', 'asked snapshot'])
    close()
  })
  it('is left alone where one may not see it', async () => {
    stream = () => json({ message: 'project not found' }, 404)
    once = stream
    const { said, close } = open()
    await later(30_000)
    expect(said).toEqual(['connecting', 'away'])
    expect(asked.length).toBe(1)
    close()
  })
})
