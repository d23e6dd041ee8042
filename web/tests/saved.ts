/**
 * verify.html as somebody would have it who saved it: from a file, in a browser without a network.
 *
 *   saved.ts PAGE [SANDBOXES, 700]     SANDBOXES: how many the bundle has; 40,000 make a statement of 60 MiB
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, stdout } from 'node:process'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type Browser, chromium, type Page } from '@playwright/test'
import { type File, packed, sample, sha } from '../src/verify/sample.ts'

const CHROMIUM = '/usr/bin/chromium'
const LARGEST = 60 * 1024
/** No task may hold the page for longer, in milliseconds. */
const FRAME = 50
const WAIT = 240_000

let failed = 0
function say(name: string, bad: string | null): void {
  failed += bad === null ? 0 : 1
  stdout.write(bad === null ? `ok web/saved/${name}\n` : `not ok web/saved/${name}: ${bad}\n`)
}

function edited(files: readonly File[], name: string, change: (body: Uint8Array) => void): Uint8Array {
  return packed(
    files.map(([n, body]): File => {
      const copy = new Uint8Array(body)
      if (n === name) {
        change(copy)
      }
      return [n, copy]
    }),
  )
}

/** A page of its own, that has never had a network, and what it tried and said meanwhile. */
async function opened(browser: Browser, url: string): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ offline: true })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    complaints.push(message.text())
  })
  page.on('pageerror', (error) => {
    complaints.push(error.message)
  })
  page.on('request', (request) => {
    if (!/^(file|blob|data):/.test(request.url())) {
      complaints.push(`asked for ${request.url()}`)
    }
  })
  await page.goto(url)
  return { page, complaints }
}

async function verdict(page: Page, file: string): Promise<string> {
  await page.setInputFiles('input[type=file]', file)
  await page.locator('.card:not(.running)').waitFor({ timeout: WAIT })
  return (await page.locator('.card').textContent()) ?? ''
}

interface Traced {
  readonly name: string
  readonly pid: number
  readonly tid: number
  /** Microseconds that a processor was at it: what others on the machine took is not the page's. */
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

/** What a function comes to, and the longest task of the page's own thread meanwhile, in milliseconds. */
async function longestTask<T>(browser: Browser, page: Page, work: () => Promise<T>): Promise<[T, number]> {
  await browser.startTracing(page, { categories: ['toplevel', '__metadata'] })
  const out = await work()
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: Traced[] }
  const events = trace.traceEvents
  const thread = ({ pid, tid }: Traced): string => `${pid} ${tid}`
  const pages = events.filter((e) => e.name === 'thread_name' && e.args?.name === 'CrRendererMain').map(thread)
  const tasks = events.filter((e) => e.tdur !== undefined && pages.includes(thread(e)))
  return [out, tasks.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...tasks.map((e) => (e.tdur ?? 0) / 1000))]
}

async function all(browser: Browser, saved: string, scratch: string, sandboxes: number): Promise<void> {
  const url = pathToFileURL(saved).href
  const size = gzipSync(readFileSync(saved), { level: 9 }).length
  say('size', size <= LARGEST ? null : `${size} bytes packed`)

  const files = sample(sandboxes)
  const put = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(scratch, name), bytes)
    return join(scratch, name)
  }
  const good = put('good.tar.zst', packed(files))
  const { page, complaints } = await opened(browser, url)
  const [text, longest] = await longestTask(browser, page, () => verdict(page, good))
  const total = (BigInt(sandboxes) * 117108n).toString().padStart(7, '0')
  const want = `CNY ${total.slice(0, -6).replace(/\B(?=(\d{3})+$)/g, ',')}.${total.slice(-6)}`
  say('accepts', text.includes('VERIFIED') && text.includes(want) ? null : text.slice(0, 400))
  if (sandboxes > 10_000) {
    const unpacked = files.reduce((sum, [, body]) => sum + body.length, 0)
    stdout.write(
      `  ${unpacked >> 20} MiB, the longest task of the page ${longest} ms, ${/[\d.]+ s in this/.exec(text)?.[0]} browser\n`,
    )
    say('frames', longest <= FRAME ? null : `it held the page for ${Math.round(longest)} ms`)
  }

  const oath = Math.min(sandboxes, 17)
  const length = files.find(([name]) => name === 'attestations/1/1.bin')?.[1] ?? new Uint8Array(4)
  const each = 4 + ((length[0] ?? 0) | ((length[1] ?? 0) << 8))
  const bad = put(
    'bad.tar.zst',
    edited(files, 'attestations/1/1.bin', (body) => {
      body[each * oath - 1] = (body[each * oath - 1] ?? 0) ^ 1
    }),
  )
  const refused = await verdict(page, bad)
  const right = refused.includes(`REFUSED at attestation ${oath} of statement 1, page 1`) && refused.includes('edited')
  say('refuses', right ? null : refused.slice(0, 400))

  const cut = put('cut.tar.zst', packed(files).subarray(0, -9))
  const damaged = await verdict(page, cut)
  say('cut', damaged.includes('REFUSED') && damaged.includes('damaged') ? null : damaged.slice(0, 400))

  await page.locator('summary').click()
  const key = JSON.parse(new TextDecoder().decode(files.find(([name]) => name === 'keys/0.json')?.[1])).keys[0]
    .key as string
  await page.locator('textarea').fill(sha(Buffer.from(key, 'hex')))
  const known = await verdict(page, good)
  await page.locator('textarea').fill('ab'.repeat(32))
  const other = await verdict(page, good)
  say('keys', known.includes('VERIFIED') && other.includes('REFUSED at keys/0.json') ? null : `${known} | ${other}`)
  say('quiet', complaints.length === 0 ? null : complaints.join('; '))
  await page.context().close()
}

const scratch = mkdtempSync(join(tmpdir(), 'dormouse-saved-'))
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
try {
  await all(browser, argv[2] ?? 'verify.html', scratch, Number(argv[3] ?? 700))
} finally {
  await browser.close()
  rmSync(scratch, { recursive: true })
}
process.exitCode = failed > 0 ? 1 : 0
