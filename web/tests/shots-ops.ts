// The pages of operators, as tests/shots.ts shows those of customers.
import type { Page } from 'playwright'
import { at } from './lib.ts'
import { Operator } from './ops.ts'

export async function opsShots(page: Page, shot: (name: string) => Promise<void>): Promise<void> {
  const ada = new Operator(`shots-${at.slug}`)
  const once = await ada.made()
  await page.goto(`${at.url}/console/ops`)
  await page.getByRole('heading', { name: 'Operators sign in' }).waitFor()
  await shot('ops-door')
  let last = ''
  await ada.begins(page, once, async (what) => {
    last = what
    await shot(`ops-${what.replaceAll(' ', '-')}`)
  })
  if (last === '') throw new Error('no page of the first sign-in was seen')
  const go = async (path: string, name: string, wait = 1500) => {
    await page.goto(`${at.url}/console/ops${path}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.waitForTimeout(wait)
    await shot(`ops-${name}`)
  }
  await go('', 'health')
  await go('/fleet', 'fleet')
  await page.getByRole('button', { name: 'Drain' }).first().click()
  await shot('ops-drain')
  await page.keyboard.press('Escape')
  await go('/fleet/1', 'host')
  await go('/sandboxes', 'sandboxes')
  await go('/sandboxes?id=izzzz', 'sandboxes-none')
  await go('/tenants', 'tenants')
  await go(`/tenants/${at.account}`, 'tenant')
  await page.getByRole('button', { name: 'Suspend' }).click()
  await shot('ops-suspend')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Order a credit' }).click()
  await shot('ops-credit')
  await page.keyboard.press('Escape')
  for (const tab of ['hours', 'checks', 'gaps', 'dead', 'stream']) await go(`/money?tab=${tab}`, `ledger-${tab}`)
  for (const tab of ['all', 'orders', 'bank']) await go(`/invoices?tab=${tab}`, `invoices-${tab}`)
  for (const tab of ['books', 'contracts', 'tax']) await go(`/prices?tab=${tab}`, `prices-${tab}`)
  await go('/prices/1', 'book')
  await go('/operators', 'operators')
  await go(`/tenants/${at.account}`, 'tenant-again')
  await page.getByRole('button', { name: 'Look as' }).click()
  await ada.acts(page, 'Look as', 'ticket 12: the bill looks wrong')
  await page.getByText('looks at this account').waitFor()
  await page.waitForTimeout(1500)
  await shot('ops-look')
  await page.getByRole('button', { name: 'End the look' }).click()
  await page.getByRole('heading', { level: 1 }).waitFor()
}
