// From a sandbox that ran to its statement, verified in the browser; usage, calculator, caps, exports. The deployment is real, and so
// are its periods: where they are long, what waits for one is left out.
import { at, equal, Looked, launch, made, run, say, signIn, test, theme, watched } from './lib.ts'

const browser = await launch()
const { page, seen } = await watched(browser)
const looked = new Looked()
const PATIENCE_S = 150
let total = ''
let periods = false

async function api(path: string): Promise<Record<string, unknown>> {
  return (await (await page.request.get(`${at.url}${path}`)).json()) as Record<string, unknown>
}

test('a_sandbox_runs_and_another_sleeps', async () => {
  await signIn(page)
  const { create, call } = await made(page)
  const one = await create({ templateID: 'base', timeout: 600, metadata: { team: 'ml' } })
  const two = await create({ templateID: 'base', timeout: 600 })
  equal((await call('POST', `/sandboxes/${two}/pause`)).status, 204)
  equal(one !== '' && two !== '', true, 'two sandboxes')
  const me = (await api('/v1/me')) as { deployment?: { period_s?: number } }
  periods = (me.deployment?.period_s ?? 3600) <= PATIENCE_S - 60
})

test('before_the_first_statement_pages_say_so', async () => {
  await page.getByRole('link', { name: 'Invoices', exact: true }).click()
  await page.getByText('The first invoice comes on').waitFor()
  await looked.at(page, 'invoices, empty')
  await page.getByRole('link', { name: 'Exports', exact: true }).click()
  await page.getByText('Nothing was ordered yet.').waitFor()
})

test('calculator_says_what_the_API_says', async () => {
  await page.getByRole('link', { name: 'Calculator', exact: true }).click()
  await page.getByRole('heading', { name: 'Asleep while it waits' }).waitFor()
  await page.getByLabel('vCPUs').fill('1')
  await page.getByLabel('Memory, MiB').fill('1024')
  await page.getByLabel('How many').fill('3')
  await page.waitForURL('**/calculator?*count=3*')
  const said = (await (
    await page.request.post(`${at.url}/v1/accounts/${at.account}/estimate`, {
      headers: { 'Dormouse-Csrf': '1', Origin: at.url },
      data: {
        vcpus: 1,
        memory_mib: 1024,
        disk_mib: 1024,
        count: 3,
        running_s_a_day: 28_800,
        asleep_s_a_day: 57_600,
        days: 30,
      },
    })
  ).json()) as { choices: { name: string; amount: string }[] }
  for (const { amount } of said.choices) await page.locator(`[title="${amount}"]`).first().waitFor()
  await looked.at(page, 'calculator')
  await page.getByLabel('Hours a day it works').fill('20')
  await page.getByText('A day has 24 hours').waitFor()
  await page.reload()
  equal(await page.getByLabel('Hours a day it works').inputValue(), '20', 'what was typed')
})

test('cap_is_set_and_shown_with_its_bound', async () => {
  await page.getByRole('link', { name: 'Plan and caps' }).click()
  const cap = page.getByLabel('Cap, CNY a month')
  await cap.fill('0.0000001')
  await page.getByText('An amount such as 8000.00').waitFor()
  await cap.fill('8,000.5')
  await page.reload()
  equal(await cap.inputValue(), '8,000.5', 'what was typed, after a reload')
  await page.getByRole('button', { name: 'Save' }).first().click()
  await page.getByText('binds at').waitFor()
  const caps = (await api(`/v1/accounts/${at.account}/caps`)) as { rows: { money: string }[] }
  equal(caps.rows[0]?.money, '8000.5', 'the cap')
  await page.getByLabel('At so many percent of a bound').fill('50, 101')
  await page.getByText('Whole numbers from 1 to 100').waitFor()
  await page.getByLabel('At so many percent of a bound').fill('40, 75')
  await page.getByRole('button', { name: 'Save' }).nth(1).click()
  await page.waitForTimeout(500)
  const alerts = (await api(`/v1/accounts/${at.account}/alerts`)) as { settings: { percents: number[] }[] }
  equal(alerts.settings[0]?.percents, [40, 75], 'the alerts')
  await looked.at(page, 'plan')
})

test('statement_is_there_and_tells_its_lines', async () => {
  if (!periods) return say('  left out: a period of this deployment is too long')
  const since = Date.now()
  await page.getByRole('link', { name: 'Statements', exact: true }).click()
  const row = page.getByRole('table', { name: 'Statements' }).getByRole('row').nth(1)
  await row.waitFor({ timeout: PATIENCE_S * 1000 })
  say(`  waited ${Math.round((Date.now() - since) / 1000)} s for it`)
  await looked.at(page, 'statements')
  const all = (await api(`/v1/accounts/${at.account}/statements`)) as { rows: { number: number; total: string }[] }
  total = all.rows.at(-1)?.total ?? ''
  await page.getByRole('link', { name: '1', exact: true }).click()
  await page.getByRole('heading', { name: 'Statement 1' }).waitFor()
  await page.getByRole('table', { name: 'Lines' }).getByText('vcpu-run').first().waitFor()
  await page.getByRole('table', { name: 'What workers swore to' }).getByRole('row').nth(1).waitFor()
  await looked.at(page, 'statement')
  const [paper] = await Promise.all([
    page.waitForEvent('download', { timeout: 60_000 }),
    page.getByRole('button', { name: 'PDF', exact: true }).click(),
  ])
  equal(paper.suggestedFilename(), 'statement-1.pdf')
})

test('a_line_goes_back_to_its_seconds', async () => {
  if (!periods) return say('  left out')
  await page.getByRole('table', { name: 'What workers swore to' }).getByRole('link').first().click()
  await page.getByText('Drawn from the bytes that were signed').waitFor()
  await page.getByRole('table', { name: 'Lines that were made of it' }).getByText('mem-run').waitFor()
  await page.getByRole('slider').first().waitFor()
  await looked.at(page, 'seconds')
  await page.getByRole('link', { name: 'Statement 1' }).click()
})

test('it_is_verified_here_equal_as_text', async () => {
  if (!periods) return say('  left out')
  await page.getByRole('link', { name: 'Verify', exact: true }).last().click()
  await page.getByRole('heading', { name: 'Verified' }).waitFor()
  await page.getByText('equal, as text, to what the API says of it').waitFor()
  const shown = await page.locator('section').filter({ hasText: 'Verified' }).first().textContent()
  equal(shown?.includes(total), true, `the total ${total} on the page`)
  await looked.at(page, 'verified')
})

test('an_edited_bundle_is_refused_by_name', async () => {
  if (!periods) return say('  left out')
  const answer = await page.request.get(`${at.url}/v1/accounts/${at.account}/statements/1/bundle`)
  const bytes = await answer.body()
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1)
  await page
    .getByLabel('A bundle that you have')
    .setInputFiles({ name: 'edited.tar.zst', mimeType: 'application/zstd', buffer: bytes })
  await page.getByRole('heading', { name: /^Refused at / }).waitFor()
  await page.getByText('Record', { exact: true }).waitFor()
  await looked.at(page, 'refused')
})

test('usage_sums_to_the_statements', async () => {
  if (!periods) return say('  left out')
  await page.keyboard.press('g')
  await page.keyboard.press('u')
  await page.getByRole('table', { name: 'Usage and cost' }).getByRole('row').nth(1).waitFor()
  await looked.at(page, 'usage')
  await page.getByLabel('By', { exact: true }).selectOption('a tag of metadata')
  await page.getByLabel('Tag').fill('team')
  await page.getByLabel('Tag').press('Enter')
  await page.getByRole('cell', { name: 'ml', exact: true }).waitFor()
  await page.getByRole('cell', { name: 'without it' }).waitFor()
  await page.getByLabel('By', { exact: true }).selectOption('what was sold (SKU)')
  await page.getByRole('cell', { name: 'vcpu-run' }).waitFor()
})

test('an_export_is_ordered_and_fetched', async () => {
  await page.getByRole('link', { name: 'Exports', exact: true }).click()
  await page.getByRole('button', { name: 'Order' }).click()
  const row = page.getByRole('table', { name: 'Exports' }).getByRole('row').nth(1)
  await row.getByText('ready', { exact: true }).waitFor({ timeout: 60_000 })
  await looked.at(page, 'exports')
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    row.getByRole('button', { name: 'Download' }).click(),
  ])
  equal(file.suggestedFilename().endsWith('.csv'), true, file.suggestedFilename())
})

test('an_export_in_another_form', async () => {
  await page.getByLabel('What', { exact: true }).first().selectOption('FOCUS 1.4')
  await page.getByLabel('As', { exact: true }).first().selectOption('Parquet')
  await page.getByRole('button', { name: 'Order' }).click()
  const row = page.getByRole('table', { name: 'Exports' }).getByRole('row').filter({ hasText: 'FOCUS 1.4, Parquet' })
  await row.getByText('ready', { exact: true }).waitFor({ timeout: 60_000 })
})

test('an_export_of_each_month_is_asked_for_and_ended', async () => {
  const section = page.getByRole('region', { name: 'Each month' })
  await section.getByText('Nothing is written by itself.').waitFor()
  await section.getByLabel('What', { exact: true }).selectOption('Usage by day, project, template, key and SKU')
  await section.getByLabel('As', { exact: true }).selectOption('Excel (XLSX)')
  await section.getByRole('button', { name: 'Each month from now on' }).click()
  const row = section.getByRole('row').filter({ hasText: 'Excel (XLSX)' })
  await row.getByText('no month yet').waitFor()
  await looked.at(page, 'exports, each month')
  await row.getByRole('button', { name: 'End' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'End' }).click()
  await section.getByText('Nothing is written by itself.').waitFor()
  const all = (await api(`/v1/accounts/${at.account}/export-schedules`)) as { rows: unknown[] }
  equal(all.rows.length, 0, 'schedules')
})

test('a_bucket_is_named_refused_and_taken_away', async () => {
  const section = page.getByRole('region', { name: 'Your bucket' })
  await section.getByText('None is named').waitFor()
  await section.getByRole('button', { name: 'Name a bucket' }).click()
  await section.getByLabel('Endpoint').fill('http://10.0.0.1')
  await section.getByLabel('Region').fill('eu-central-1')
  await section.getByLabel('Bucket', { exact: true }).fill('acme-finance')
  await section.getByLabel('Access key id').fill('AKIDEXAMPLE')
  await section.getByLabel('Secret access key').fill('wJalrXUtnFEMI')
  await section.getByRole('button', { name: 'Save' }).click()
  await section.getByRole('alert').waitFor()
  await looked.at(page, 'exports, a bucket refused')
  await section.getByLabel('Endpoint').fill('https://s3.eu-central-1.amazonaws.com')
  await section.getByRole('button', { name: 'Save' }).click()
  await section.getByText('acme-finance').waitFor()
  await looked.at(page, 'exports, a bucket')
  const said = await api(`/v1/accounts/${at.account}/export-target`)
  equal(said.bucket, 'acme-finance')
  equal(JSON.stringify(said).includes('wJalr'), false, 'its secret is told to nobody')
  await section.getByRole('button', { name: 'Take away' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Take away' }).click()
  await section.getByText('None is named').waitFor()
})

test('another_account_is_not_there', async () => {
  await page.goto(`${at.url}/console/a/00000000-0000-4000-8000-000000000000/invoices`)
  await page.getByText('There is no such page, or you may not see it.').waitFor()
  await page.goto(`${at.url}/console/a/${at.account}/invoices/INV-2026-000042`)
  await page.getByRole('alert').waitFor()
  await theme(page, 'light')
})

test('nothing_serious_for_axe_and_nothing_cut', async () => equal(looked.found, []))
test('no_breach_of_the_policy', async () => equal(seen.violations, []))
test('no_error_and_no_warning', async () => equal(seen.errors, []))
test('no_request_elsewhere', async () => equal(seen.foreign, []))

const bad = await run('web/money', async () => {
  const log = process.env.DM_TEST_LOG
  if (log !== undefined) await page.screenshot({ path: `${log}/web-money.png`, fullPage: true })
})
await browser.close()
process.exit(bad > 0 ? 1 : 0)
