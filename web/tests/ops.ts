// An operator in a browser: made by the deployment's tool, let in for the first time, and asked for his second factor where it is about money.
import { createHmac } from 'node:crypto'
import type { Page } from 'playwright'
import { admin, at } from './lib.ts'

const STEP_S = 30
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** RFC 6238, six digits, of a step of 30 s since 1970. */
function codeOf(secret: string, step: number): string {
  const bits = [...secret].map((c) => LETTERS.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const digest = createHmac('sha1', key).update(counter).digest()
  const from = (digest.at(-1) ?? 0) & 15
  return String((digest.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

export class Operator {
  readonly email: string
  readonly password = `a long way to Tipperary ${at.slug}`
  private secret = ''
  private last = 0

  readonly name: string

  constructor(name: string) {
    this.name = name
    this.email = `${name}@ops.test`
  }

  /** His one-time password, by root of the machine. */
  async made(): Promise<string> {
    const said = await admin(['operator-add', '--name', this.name, '--email', this.email])
    return /^\w*PASSWORD=(.+)$/m.exec(said)?.[1] ?? ''
  }

  /** What his app shows now, or where that was used already, the next one: a code is good for one step around now, and once. */
  async code(): Promise<string> {
    const now = () => Math.floor(Date.now() / 1000 / STEP_S)
    this.last = Math.max(this.last + 1, now())
    while (this.last > now() + 1) await new Promise((done) => setTimeout(done, 500))
    return codeOf(this.secret, this.last)
  }

  /** Through the first sign-in. Between its steps `seen` may look at the page. */
  async begins(page: Page, once: string, seen: (what: string) => Promise<void> = async () => undefined): Promise<void> {
    await page.getByLabel('Address').fill(this.email)
    await page.getByLabel('Password').fill(once)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByLabel('One-time password').fill(once)
    await page.getByLabel('New password').fill(this.password)
    await seen('own password')
    await page.getByRole('button', { name: 'Set it' }).click()
    await page.getByRole('button', { name: 'Show the secret' }).waitFor()
    await page.getByLabel('Password').fill(this.password)
    await page.getByRole('button', { name: 'Show the secret' }).click()
    this.secret = (await page.locator('[data-secret]').getAttribute('data-secret')) ?? ''
    await page.getByLabel('Code of your app').fill(await this.code())
    await seen('second factor')
    await page.getByRole('button', { name: 'Ask for it from now on' }).click()
    await page.getByRole('heading', { name: 'Ways back in' }).waitFor()
    await seen('ways back in')
    await page.getByRole('button', { name: 'I have them' }).click()
    await page.getByRole('navigation').waitFor()
  }

  async signsIn(page: Page): Promise<void> {
    await page.getByLabel('Address').fill(this.email)
    await page.getByLabel('Password').fill(this.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByLabel('Code of your app').fill(await this.code())
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByLabel('Code of your app').waitFor({ state: 'detached' })
  }

  /** Sends the act that is open, with a reason, and the second factor where it is asked for. */
  async acts(page: Page, go: string, reason: string): Promise<void> {
    const dialog = page.getByRole('dialog').or(page.getByRole('alertdialog'))
    await dialog.getByLabel('Reason').fill(reason)
    await dialog.getByRole('button', { name: go, exact: true }).click()
    const asked = dialog.getByLabel('Code of your app')
    const refused = dialog.getByRole('alert')
    const came = await Promise.race([
      dialog.waitFor({ state: 'detached' }).then(() => 'done'),
      asked.waitFor().then(() => 'asked'),
      refused.waitFor().then(() => 'refused'),
    ])
    if (came === 'refused') throw new Error(`${go}: ${await refused.textContent()}`)
    if (came === 'done') return
    await asked.fill(await this.code())
    await dialog.getByRole('button', { name: 'Show it, and go on' }).click()
    await dialog.waitFor({ state: 'detached' })
  }
}
