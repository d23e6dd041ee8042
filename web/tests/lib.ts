// What the tests in a browser share: Debian's Chromium, a page that is watched, and how a result is said.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import AxeBuilder from '@axe-core/playwright'
import { type Browser, chromium, type Page } from 'playwright'

const env = (name: string): string => {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

/** The deployment, and somebody who owns an empty project of it (tests/web/console makes them). */
export const at = {
  url: env('E2B_API_URL'),
  slug: env('DM_WEB_PROJECT'),
  account: env('DM_WEB_ACCOUNT'),
  email: env('DM_WEB_EMAIL'),
  password: env('DM_WEB_PASSWORD'),
  commandLine: process.env.DM_CLI ?? '',
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.DM_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

export type Seen = { violations: string[]; errors: string[]; foreign: string[] }

/** Takes down what must not happen in it: breaches of the policy, errors and warnings, requests to elsewhere. */
export async function watched(
  browser: Browser,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<{ page: Page; seen: Seen }> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'UTC',
    ...options,
  })
  const page = await context.newPage()
  const seen: Seen = { violations: [], errors: [], foreign: [] }
  await page.exposeFunction('tellViolation', (what: string) => seen.violations.push(what))
  await page.addInitScript(() => {
    window.addEventListener('securitypolicyviolation', (e: SecurityPolicyViolationEvent) =>
      (window as unknown as { tellViolation(what: string): void }).tellViolation(
        `${e.violatedDirective} ${e.blockedURI} ${e.sample}`,
      ),
    )
  })
  page.on('console', (m) => {
    // what the API refuses, the browser prints as an error of its own; pages say it in words
    if (/^(error|warning)$/.test(m.type()) && !/^Failed to load resource: the server responded/.test(m.text()))
      seen.errors.push(m.text())
  })
  page.on('pageerror', (e) => seen.errors.push(e.message))
  page.on('request', (r) => {
    const url = new URL(r.url())
    if (url.protocol.startsWith('http') && url.origin !== new URL(at.url).origin) seen.foreign.push(r.url())
  })
  page.setDefaultTimeout(20_000)
  return { page, seen }
}

const run_ = promisify(execFile)

/** The operator's tool of the deployment. */
export async function admin(args: readonly string[]): Promise<string> {
  const pg = `host=${env('DM_DATA')}/run/pg port=${432 + Number(env('DM_PORT_BASE'))} dbname=dormouse user=dm_ops`
  return (await run_(`${env('DM_BUILD')}/bin/dormouse-admin`, ['--who', 'web', '--db', pg, ...args])).stdout
}

/** What the database says, as its own superuser: for rows that no request makes so quickly. */
export async function sql(text: string): Promise<string> {
  return (await run_(`${env('DM_ROOT')}/ops/dormouse`, ['psql', 'postgres', '-v', 'ON_ERROR_STOP=1', '-qAtc', text]))
    .stdout
}

/** The newest letter to somebody, which has not left. */
export async function letter(to: string): Promise<string> {
  const { stdout } = await run_(`${env('DM_ROOT')}/ops/dormouse`, ['mail', '20'])
  return stdout.split(/^(?=To: )/m).find((one) => one.startsWith(`To: ${to}\n`)) ?? ''
}

export async function signIn(page: Page, who: { email: string; password: string } = at): Promise<void> {
  await page.goto(`${at.url}/console/`)
  await page.getByLabel('Address').fill(who.email)
  await page.getByLabel('Password').fill(who.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(`**/console/p/${at.slug}`)
}

/** A key of the project, by the session of the page, and what a program does with it. */
export async function made(page: Page) {
  const answer = await page.request.post(`${at.url}/v1/projects/${at.slug}/keys`, {
    headers: { 'Dormouse-Csrf': '1', Origin: at.url },
    data: { name: 'test' },
  })
  const { key = '' } = (await answer.json()) as { key?: string }
  const call = (method: string, path: string, body?: object) =>
    fetch(`${at.url}${path}`, {
      method,
      headers: { 'X-API-Key': key, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  const create = async (body: object) =>
    ((await (await call('POST', '/sandboxes', body)).json()) as { sandboxID?: string }).sandboxID ?? ''
  return { key, call, create }
}

/** What axe finds serious, in the theme that is set. */
export async function serious(page: Page): Promise<string[]> {
  // a ground that fades is no ground
  await page.emulateMedia({ reducedMotion: 'reduce' })
  const found = await new AxeBuilder({ page }).analyze()
  return found.violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)
}

export async function theme(page: Page, name: 'light' | 'dark'): Promise<void> {
  await page.evaluate((now) => {
    document.documentElement.dataset.theme = now
  }, name)
}

/** What is wrong with the looks of what was shown: on a telephone nothing is cut, in both themes axe finds nothing serious. */
export class Looked {
  readonly found: string[] = []

  async at(page: Page, what: string): Promise<void> {
    await page.setViewportSize({ width: 390, height: 844 })
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    if (wide > 0) this.found.push(`${what}: ${wide} pixels wider than a telephone`)
    await page.setViewportSize({ width: 1440, height: 900 })
    for (const name of ['light', 'dark'] as const) {
      await theme(page, name)
      this.found.push(...(await serious(page)).map((line) => `${what}, ${name}: ${line}`))
    }
  }
}

type Case = { name: string; body: () => Promise<void> }
const cases: Case[] = []

export function test(name: string, body: () => Promise<void>): void {
  cases.push({ name, body })
}

export function equal(got: unknown, expected: unknown, what = ''): void {
  if (JSON.stringify(got) !== JSON.stringify(expected)) {
    throw new Error(`${what} got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`.trim())
  }
}

/** Each in turn, to the first that fails: those after it need it. */
export async function run(label: string, failed: () => Promise<void>): Promise<number> {
  let bad = 0
  for (const { name, body } of cases) {
    const since = Date.now()
    try {
      await body()
      say(`ok ${label}/${name}`)
    } catch (e) {
      bad++
      await failed().catch(() => undefined)
      say(`not ok ${label}/${name}: ${String(e).replaceAll(/\s+/g, ' ').slice(0, 400)}`)
    }
    say(`  ${((Date.now() - since) / 1000).toFixed(1)} s`)
    if (bad > 0) break
  }
  return bad
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
