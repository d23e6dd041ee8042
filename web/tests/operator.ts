// Operators at work: let in by two steps, they empty a host, end a sandbox, raise and suspend a tenant, look as one, order a credit
// and make prices that a second one approves. Deployment, sandboxes and tenants are real.
import { at, equal, Looked, launch, made, run, say, signIn, sql, test, watched } from './lib.ts'
import { Operator } from './ops.ts'

/** of an order: no other's row says so */
const ASKED = `${at.slug} has asked for it`
const PATIENCE_S = 150
/** a frame that no worker comes to */
const PLANTED = 990_000_000
const browser = await launch()
const { page, seen } = await watched(browser)
const customer = await watched(browser)
const looked = new Looked()
const ada = new Operator(`ada-${at.slug}`)
const ben = new Operator(`ben-${at.slug}`)
/** who is looked at last: what is shown where a test fails */
let shown = page
let tenant: Awaited<ReturnType<typeof made>>
const large: string[] = []
let second: Awaited<ReturnType<typeof watched>> | undefined

type State = { state: string; cause: string | null }
const boxOf = async (id: string): Promise<State> =>
  (await (await customer.page.request.get(`${at.url}/v1/projects/${at.slug}/sandboxes/${id}`)).json()) as State

async function until(what: string, holds: () => Promise<boolean>, most = 20_000): Promise<number> {
  const since = Date.now()
  while (!(await holds())) {
    if (Date.now() - since > most) throw new Error(`${what}: not within ${most} ms`)
    await new Promise((done) => setTimeout(done, 200))
  }
  return Date.now() - since
}

/** One that runs. A host that was just taken back is given none before its next beat. */
async function created(body: object = {}): Promise<string> {
  let id = ''
  await until('a sandbox', async () => {
    id = await tenant.create({ templateID: 'base', timeout: 600, ...body })
    return id !== ''
  })
  return id
}

const dialog = () => page.getByRole('dialog').or(page.getByRole('alertdialog'))
const goTo = (name: string) => page.getByRole('navigation').getByRole('link', { name, exact: true }).click()

test('first_sign_in_asks_for_password_and_second_factor', async () => {
  const once = await ada.made()
  await page.goto(`${at.url}/console/ops/fleet`)
  await page.getByRole('heading', { name: 'Operators sign in' }).waitFor()
  await looked.at(page, 'door')
  await page.getByLabel('Address').fill(ada.email)
  await page.getByLabel('Password').fill('not the password')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').waitFor()
  await page.goto(`${at.url}/console/ops`)
  await ada.begins(page, once, (what) => looked.at(page, what))
  equal((await page.request.get(`${at.url}/v1/me`)).status(), 401, 'an operator is no customer')
  await signIn(customer.page)
  tenant = await made(customer.page)
})

test('signs_out_and_in_again_with_the_second_factor', async () => {
  await page.getByRole('button', { name: /^You/ }).click()
  await page.getByRole('menuitem', { name: 'Sign out', exact: true }).click()
  await page.getByRole('heading', { name: 'Operators sign in' }).waitFor()
  equal((await page.request.get(`${at.url}/v1/ops/me`)).status(), 401)
  await ada.signsIn(page)
  await page.getByRole('heading', { name: 'Health' }).waitFor()
})

test('health_is_looked_at_first', async () => {
  await page.getByRole('region', { name: 'As it is now' }).getByText('Hosts').waitFor()
  await page.getByRole('table', { name: 'Requests to the replica that answered' }).getByText('operators').waitFor()
  await looked.at(page, 'health')
})

test('a_host_is_emptied_and_counted_down', async () => {
  const box = await created()
  await goTo('Fleet')
  const row = page.getByRole('table', { name: 'Fleet' }).getByRole('row').nth(1)
  await row.getByText('active').waitFor()
  await looked.at(page, 'fleet')
  await row.getByRole('link').first().click()
  await page.getByRole('heading', { name: 'Its sandboxes' }).waitFor()
  await page.getByText(box, { exact: true }).waitFor()
  await looked.at(page, 'host')
  await page.getByRole('button', { name: 'Drain', exact: true }).click()
  equal(await dialog().getByRole('button', { name: 'Drain' }).isDisabled(), true, 'without a reason')
  await looked.at(page, 'drain')
  const since = Date.now()
  await ada.acts(page, 'Drain', 'a new kernel')
  await page.getByText('Nothing runs here any more').waitFor()
  say(`  empty ${Date.now() - since} ms after the act`)
  const now = await boxOf(box)
  equal([now.state, now.cause], ['paused', 'operator_drained'])
  await page.getByRole('button', { name: 'Undrain' }).click()
  await ada.acts(page, 'Undrain', 'it is back')
  await page.getByRole('button', { name: 'Drain', exact: true }).waitFor()
  await tenant.call('DELETE', `/sandboxes/${box}`)
})

test('a_sandbox_is_found_by_its_id_and_ended_with_a_reason', async () => {
  const box = await created()
  await page.getByLabel('A sandbox, a tenant, an address').fill(box)
  await page.keyboard.press('Enter')
  const row = page.getByRole('row').filter({ hasText: box })
  await row.getByText('running').waitFor()
  await looked.at(page, 'sandboxes')
  await row.getByRole('button', { name: 'End it' }).click()
  await ada.acts(page, 'End it', 'it digs for coins')
  await page.getByText('None fits.').waitFor()
  await page.getByRole('button', { name: 'Among those that have ended' }).click()
  await row.getByText('the operator ended it').waitFor()
  const now = await boxOf(box)
  equal([now.state, now.cause], ['ended', 'operator_killed'])
})

test('a_tenant_is_found_and_a_limit_of_its_own_binds', async () => {
  await page.getByLabel('A sandbox, a tenant, an address').fill(at.email)
  await page.keyboard.press('Enter')
  await page.getByRole('table', { name: 'Tenants' }).getByRole('row').nth(1).waitFor()
  await looked.at(page, 'tenants')
  await page.getByRole('table', { name: 'Tenants' }).getByRole('link').first().click()
  await page.getByText('In good standing').waitFor()
  await page.getByRole('button', { name: 'Set a limit' }).click()
  await page.getByLabel('Bound').fill('three')
  equal(await dialog().getByRole('button', { name: 'Set', exact: true }).isDisabled(), true, 'what is no number')
  await page.getByLabel('Bound').fill('4')
  await looked.at(page, 'limit')
  await ada.acts(page, 'Set', 'asked for it')
  await page.getByRole('table', { name: 'Limits of its own' }).getByText('asked for it').waitFor()
  await looked.at(page, 'tenant')
  const limits = (await (
    await customer.page.request.get(`${at.url}/v1/projects/${at.slug}/limits?limit=1000`)
  ).json()) as { rows: { name: string; limit: number; set_by: string }[] }
  equal(
    limits.rows.some((row) => row.name === 'running_max' && row.limit === 4),
    true,
    'the limit',
  )
})

test('a_tenant_is_suspended_and_let_go_on', async () => {
  const box = await created()
  await page.getByRole('button', { name: 'Suspend' }).click()
  await dialog().getByText('will sleep.').waitFor()
  await looked.at(page, 'suspend')
  await ada.acts(page, 'Suspend', 'unpaid since May')
  await page.getByText('the account is suspended until it is paid').waitFor()
  await until('asleep', async () => (await boxOf(box)).cause === 'suspended_unpaid')
  await page.getByText('All sleep.').waitFor()
  await looked.at(page, 'suspended')
  const no = await tenant.call('POST', '/sandboxes', { templateID: 'base' })
  equal(no.status, 403, 'a create while it is suspended')
  await page.getByRole('button', { name: 'Take the suspension back' }).click()
  await ada.acts(page, 'Take the suspension back', 'paid')
  await page.getByText('In good standing').waitFor()
  await tenant.call('DELETE', `/sandboxes/${box}`)
  // what is to be invoiced later runs from now on
  for (let i = 0; i < 2; i++) {
    large.push(await created({ cpuCount: 4, memoryMB: 8192 }))
  }
})

test('a_small_credit_is_booked_and_a_large_one_waits', async () => {
  for (const amount of ['0.0000001', '25.00', '9,000']) {
    await page.getByRole('button', { name: 'Order a credit' }).click()
    await page.getByLabel('Amount, CNY').fill(amount)
    if (amount === '0.0000001') await looked.at(page, 'credit')
    await ada.acts(page, 'Order a credit', `amount ${amount}`)
  }
  const row = (what: string) => page.getByRole('table', { name: 'Credits' }).getByRole('row').filter({ hasText: what })
  await row('amount 25.00').getByText('booked').waitFor()
  await row('amount 9,000').getByText('waits for a second person').waitFor()
  await row('amount 9,000').getByText('another operator approves it').waitFor()
  await looked.at(page, 'credits')
})

test('an_operator_looks_as_a_tenant_and_changes_nothing', async () => {
  const box = await created()
  await page.getByRole('button', { name: 'Look as' }).click()
  await ada.acts(page, 'Look as', 'ticket 12')
  await page.waitForURL(`**/console/p/${at.slug}`)
  await page.getByText('looks at this account').waitFor()
  await page.getByRole('link', { name: 'Sandboxes', exact: true }).click()
  await page
    .getByRole('row')
    .filter({ hasText: box.slice(0, 4) })
    .waitFor()
  await looked.at(page, 'look')
  await page.goto(`${at.url}/console/p/${at.slug}/sandboxes/${box}`)
  await page.getByRole('heading', { name: box }).waitFor()
  equal(await page.getByRole('button', { name: 'Kill' }).isDisabled(), true, 'Kill while one looks')
  await page.getByRole('button', { name: 'End the look' }).click()
  await page.getByText('In good standing').waitFor()
  const audit = (await (
    await customer.page.request.get(`${at.url}/v1/accounts/${at.account}/audit?verb=look.`)
  ).json()) as { rows: { verb: string; who: string; detail: Record<string, unknown> }[] }
  equal(
    audit.rows.map((line) => line.verb),
    ['look.end', 'look.begin'],
  )
  equal(audit.rows[1]?.who, `operator:${ada.name}`)
  await tenant.call('DELETE', `/sandboxes/${box}`)
})

test('a_second_operator_is_made_and_approves_the_credit', async () => {
  await goTo('Operators')
  await page.getByRole('button', { name: 'New operator' }).click()
  await page.getByLabel('Name', { exact: true }).fill(ben.name)
  await dialog().getByLabel('Address').fill(ben.email)
  await dialog().getByLabel('Reason').fill('for the nights')
  await dialog().getByRole('button', { name: 'New operator' }).click()
  const asked = dialog().getByLabel('Code of your app')
  const told = page.getByRole('heading', { name: /^One-time password of/ })
  await asked.or(told).waitFor()
  if (await asked.isVisible()) {
    await asked.fill(await ada.code())
    await dialog().getByRole('button', { name: 'Show it, and go on' }).click()
  }
  await told.waitFor()
  const once = (await dialog().locator('code').textContent()) ?? ''
  await page.getByRole('button', { name: 'I have it' }).click()
  await page.getByRole('row').filter({ hasText: ben.name }).getByText('has not signed in yet').waitFor()
  await looked.at(page, 'operators')
  second = await watched(browser)
  const other = second.page
  shown = other
  await other.goto(`${at.url}/console/ops/tenants/${at.account}`)
  await ben.begins(other, once)
  const row = other.getByRole('table', { name: 'Credits' }).getByRole('row').filter({ hasText: 'amount 9,000' })
  await row.getByRole('button', { name: 'Approve' }).click()
  await ben.acts(other, 'Approve', 'agreed on Monday')
  await row.getByText('booked').waitFor()
  shown = page
})

test('the_ledger_shows_hosts_periods_and_what_agrees', async () => {
  await goTo('Ledger')
  await page.getByRole('heading', { name: 'Evidence by host and period' }).waitFor()
  await page.getByRole('table', { name: 'Evidence by host and period' }).getByRole('row').nth(1).waitFor()
  await looked.at(page, 'ledger')
  for (const tab of ['Reconciliations', 'Gaps', 'Lost frames', 'Dead letters', 'Anomalies', 'Stream']) {
    await page.getByRole('tab', { name: tab }).click()
    await page
      .getByRole('tabpanel')
      .getByRole('table')
      .or(page.getByRole('tabpanel').locator('strong'))
      .first()
      .waitFor()
    if (tab === 'Reconciliations' || tab === 'Stream') await looked.at(page, `ledger, ${tab}`)
  }
  await page.reload()
  equal(await page.getByRole('tab', { name: 'Stream' }).getAttribute('aria-selected'), 'true', 'after a reload')
})

test('a_planted_gap_is_red_and_one_click_from_its_seconds', async () => {
  const newest = (await sql('SELECT max(period_start) FROM dm.period')).trim()
  if (newest === '') return say('  left out: no period has closed here')
  const from = `extract(epoch FROM timestamptz '${newest}')::bigint + 10`
  const as = 'SET session_replication_role = replica'
  await sql(
    `${as}; INSERT INTO dm.frame_gap SELECT min(worker_no), 1, ${PLANTED}, ${PLANTED} + 4, ${from}, ${from} + 5 FROM dm.worker_period
       WHERE period_start = '${newest}';
     INSERT INTO dm.usage_gap SELECT s.account_no, s.project_no, '${newest}', s.sandbox_id, 1, ${from}, ${from} + 5,
       'frames_missing', 'written_off' FROM dm.sandbox s JOIN dm.project p USING (account_no, project_no)
       WHERE p.slug = '${at.slug}' ORDER BY s.created_at LIMIT 1`,
  )
  try {
    await page.goto(`${at.url}/console/ops`)
    await page.getByText('5 seconds have no evidence; nobody is charged for them.').waitFor()
    await looked.at(page, 'health, red')
    await page.goto(`${at.url}/console/ops/money`)
    await page.getByRole('table', { name: 'Evidence by host and period' }).getByRole('link', { name: 'gap' }).click()
    const row = page.getByRole('table', { name: 'Gaps' }).getByRole('row').nth(1)
    await row.getByText('frames never came').waitFor()
    await row.getByText('5', { exact: true }).waitFor()
    await looked.at(page, 'a gap')
    await page.getByRole('tab', { name: 'Lost frames' }).click()
    await page.getByText(`${PLANTED.toLocaleString('en')} to ${(PLANTED + 4).toLocaleString('en')}`).waitFor()
  } finally {
    await sql(
      `${as}; DELETE FROM dm.frame_gap WHERE first_frame = ${PLANTED}; DELETE FROM dm.usage_gap g USING dm.project p
       WHERE p.account_no = g.account_no AND p.project_no = g.project_no AND p.slug = '${at.slug}'`,
    )
  }
})

test('invoices_orders_and_the_bank_are_there', async () => {
  await goTo('Invoices')
  for (const tab of ['Invoices', 'Orders', 'Bank', 'Exports']) {
    await page.getByRole('tab', { name: tab }).click()
    await page
      .getByRole('tabpanel')
      .getByRole('table')
      .or(page.getByRole('tabpanel').locator('strong'))
      .first()
      .waitFor()
    await looked.at(page, `invoices, ${tab}`)
  }
  await page.getByRole('tab', { name: 'Bank' }).click()
  await page.getByRole('button', { name: 'Hand in a file' }).click()
  await page
    .getByLabel('File', { exact: true })
    .setInputFiles({ name: 'none.xml', mimeType: 'text/xml', buffer: Buffer.from(`<nothing of="${at.slug}"/>`) })
  await looked.at(page, 'bank file')
  await ada.acts(page, 'Hand in a file', 'a trial')
  await page.getByText(/^File \d+: /).waitFor()
})

test('the_books_are_ordered_and_fetched', async () => {
  await page.getByRole('tab', { name: 'Exports' }).click()
  await page.getByRole('button', { name: 'Order an export' }).click()
  await looked.at(page, 'order an export of the books')
  await ada.acts(page, 'Order an export', 'the close of a month')
  const row = page.getByRole('table', { name: 'Exports of the books' }).getByRole('row').nth(1)
  await row.getByText('ready', { exact: true }).waitFor({ timeout: 60_000 })
  await looked.at(page, 'exports of the books')
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    row.getByRole('button', { name: 'Download' }).click(),
  ])
  equal(/^dormouse-journal-\d{4}-\d\d\.csv$/.test(file.suggestedFilename()), true, file.suggestedFilename())
})

test('an_invoice_is_issued_and_read_by_its_customer', async () => {
  const me = (await (await page.request.get(`${at.url}/v1/ops/me`)).json()) as { deployment: { period_s: number } }
  if (me.deployment.period_s > PATIENCE_S - 60) return say('  left out: a period of this deployment is too long')
  const statements = `${at.url}/v1/accounts/${at.account}/statements?limit=100`
  const sum = async () => {
    const { rows } = (await (await customer.page.request.get(statements)).json()) as { rows: { total: string }[] }
    return rows.reduce((all, { total }) => all + BigInt(total.replace('.', '')), 0n)
  }
  // an invoice is of whole cents: one that is none of them would say that there is nothing to pay
  const waited = await until('statements of two cents', async () => (await sum()) >= 2n * 10n ** 16n, PATIENCE_S * 1000)
  say(`  waited ${Math.round(waited / 1000)} s for the statements`)
  for (const box of large) await tenant.call('DELETE', `/sandboxes/${box}`)
  // who sells was filled in by nobody here; EN 16931 asks for where and what he is
  const seller = (country: string, number: string) =>
    sql(`UPDATE dm.seller SET country = '${country}', legal_id = ${number} WHERE entity_no = 1 AND status = 'approved'`)
  const [was = 'ZZ', number = ''] = (
    await sql(
      `SELECT country, legal_id FROM dm.seller WHERE entity_no = 1 AND status = 'approved' AND valid_to IS NULL`,
    )
  )
    .trim()
    .split('|')
  await seller('CN', `'91310000DORMOUSE1X'`)
  await page.goto(`${at.url}/console/ops/tenants/${at.account}`)
  await page.getByRole('button', { name: 'Issue an invoice' }).click()
  await dialog().getByLabel('Month').selectOption(new Date().toISOString().slice(0, 7))
  await dialog().getByLabel('Only a draft, to look at').uncheck()
  await looked.at(page, 'issue')
  await ada.acts(page, 'Issue an invoice', ASKED)
  await page.getByText(/^Order \d+: /).waitFor()
  await page.getByRole('link', { name: 'what was ordered' }).click()
  await page.getByRole('row').filter({ hasText: ASKED }).getByText('done', { exact: true }).waitFor()
  await seller(was, number === '' ? 'NULL' : `'${number}'`)
  await looked.at(page, 'orders')
  await page.getByRole('tab', { name: 'Invoices' }).click()
  const row = page
    .getByRole('table', { name: 'Invoices' })
    .getByRole('row')
    .filter({ has: page.getByTitle(at.account) })
  // the credits of before pay for it
  await row.getByText('paid', { exact: true }).waitFor()
  await looked.at(page, 'invoices')
  const theirs = customer.page
  shown = theirs
  await theirs.goto(`${at.url}/console/a/${at.account}/invoices`)
  await theirs.getByRole('table', { name: 'Invoices' }).getByRole('link').first().click()
  await theirs.getByRole('heading', { name: 'What became of it' }).waitFor()
  await theirs.getByRole('table', { name: 'Lines' }).getByText('vcpu-run').first().waitFor()
  await looked.at(theirs, 'invoice')
  for (const [name, begins] of [
    ['PDF', '%PDF-'],
    ['XML (UBL)', '<?xml'],
  ] as const) {
    const [file] = await Promise.all([
      theirs.waitForEvent('download'),
      theirs.getByRole('button', { name, exact: true }).click(),
    ])
    const bytes = Buffer.concat(await (await file.createReadStream()).toArray())
    equal(bytes.subarray(0, begins.length).toString(), begins, name)
    say(`  ${name}: ${bytes.length} bytes`)
  }
  await theirs.getByRole('link', { name: 'The statements that it adds up' }).click()
  await theirs.getByRole('table', { name: 'Statements' }).getByRole('row').nth(1).waitFor()
  shown = page
})

test('a_price_book_takes_two_people', async () => {
  await goTo('Prices')
  await page.getByRole('table', { name: 'Price books' }).getByRole('row').nth(1).waitFor()
  await looked.at(page, 'prices')
  const row = page
    .getByRole('table', { name: 'Price books' })
    .getByRole('row')
    .filter({ hasText: 'by resources' })
    .filter({ hasText: 'approved' })
  await row.first().getByRole('button', { name: 'Draft from it' }).click()
  await dialog()
    .getByLabel(/^vcpu-run/)
    .fill('much')
  equal(await dialog().getByRole('button', { name: 'Make the draft' }).isDisabled(), true, 'what is no price')
  await dialog()
    .getByLabel(/^vcpu-run/)
    .fill('0.00009')
  await looked.at(page, 'draft')
  await ada.acts(page, 'Make the draft', 'the new year')
  await page.getByText('You have written of it: another operator approves it.').waitFor()
  equal(await page.getByRole('button', { name: 'Approve' }).isDisabled(), true, 'who has written of it approves')
  await page.getByRole('table', { name: 'Prices' }).getByText('dearer').waitFor()
  await looked.at(page, 'book')
  const other = second?.page
  if (other === undefined) throw new Error('there is no second operator')
  shown = other
  await other.goto(page.url())
  await other.getByRole('button', { name: 'Approve' }).click()
  await other
    .getByRole('dialog')
    .getByText(/^[0-9a-f]{64}$/)
    .waitFor()
  await other.getByLabel('Reason').fill('as agreed')
  await other.getByRole('dialog').getByRole('button', { name: 'Approve' }).click()
  // where it concerns a closed month it has to be tried first: that is said in words, and is as good
  await other.getByText('approved', { exact: true }).or(other.getByRole('alert').getByText('simulat')).first().waitFor()
  shown = page
  await page.reload()
  await page.getByRole('button', { name: 'Withdraw' }).click()
  await ada.acts(page, 'Withdraw', 'it was a trial')
  await page.getByText('withdrawn', { exact: true }).waitFor()
})

test('a_rule_of_tax_is_drafted_and_withdrawn', async () => {
  await goTo('Prices')
  await page.getByRole('tab', { name: 'Contracts' }).click()
  await page.getByRole('button', { name: 'Draft a contract' }).waitFor()
  await looked.at(page, 'contracts')
  await page.getByRole('tab', { name: 'Rules of tax' }).click()
  await page.getByRole('button', { name: 'Draft a rule' }).click()
  await page.getByLabel('Seller', { exact: true }).fill('IS')
  await page.getByLabel('Buyer', { exact: true }).fill('IS')
  await page.getByLabel('Rate, %').fill('24')
  await page.getByLabel('Tax of').fill('IS')
  await page.getByLabel('It begins (UTC)').fill('2031-01-01')
  await looked.at(page, 'tax draft')
  await ada.acts(page, 'Draft a rule', 'a trial')
  const row = page.getByRole('row').filter({ hasText: 'IS to IS' }).filter({ hasText: 'draft' })
  await row.getByText('another operator approves it').waitFor()
  await looked.at(page, 'tax')
  await row.getByRole('button', { name: 'Withdraw' }).click()
  await ada.acts(page, 'Withdraw', 'it was a trial')
  await row.waitFor({ state: 'detached' })
})

test('a_seller_is_drafted_and_withdrawn', async () => {
  await goTo('Prices')
  await page.getByRole('tab', { name: 'Sellers' }).click()
  await page.getByRole('table', { name: 'Sellers' }).getByRole('row').nth(1).waitFor()
  await page.getByRole('button', { name: 'Draft a seller' }).click()
  await dialog().getByLabel('Name', { exact: true }).fill(`Seller ${at.slug}`)
  await dialog().getByLabel('Country').fill('is')
  await dialog().getByLabel('It begins (UTC)').fill('2031-01-01')
  await looked.at(page, 'seller draft')
  await ada.acts(page, 'Draft a seller', 'a trial')
  const row = page.getByRole('row').filter({ hasText: `Seller ${at.slug}` })
  await row.getByText('another operator approves it').waitFor()
  await looked.at(page, 'sellers')
  await row.getByRole('button', { name: 'Withdraw' }).click()
  await ada.acts(page, 'Withdraw', 'it was a trial')
  await row.getByText('withdrawn', { exact: true }).waitFor()
})

test('an_operator_who_is_disabled_is_out_at_once', async () => {
  await goTo('Operators')
  const row = page.getByRole('row').filter({ hasText: ben.name })
  await row.getByRole('button', { name: 'Disable' }).click()
  await ada.acts(page, 'Disable', 'the nights are over')
  await row.getByText('disabled', { exact: true }).waitFor()
  equal((await second?.page.request.get(`${at.url}/v1/ops/me`))?.status(), 401, 'who is disabled')
})

test('what_is_typed_outlives_a_dead_API', async () => {
  await goTo('Fleet')
  await page.getByRole('button', { name: 'Drain', exact: true }).first().click()
  await dialog().getByLabel('Reason').fill('outlives')
  await page.route('**/v1/**', (route) => route.abort())
  await page.getByText('The API is away: this can be done as soon as it is there again.').waitFor()
  await page.unroute('**/v1/**')
  await dialog().getByRole('button', { name: 'Drain' }).and(page.locator(':enabled')).waitFor()
  equal(await dialog().getByLabel('Reason').inputValue(), 'outlives', 'what was typed')
  await page.keyboard.press('Escape')
})

test('nothing_serious_for_axe_and_nothing_cut', async () => equal(looked.found, []))
test('no_breach_of_the_policy', async () => equal([...seen.violations, ...(second?.seen.violations ?? [])], []))
// of an API that was made dead the browser tells by itself
test('no_error_and_no_warning', async () =>
  equal(
    seen.errors.filter((text) => !text.includes('net::ERR_FAILED')),
    [],
  ))
test('no_request_elsewhere', async () => equal(seen.foreign, []))

const bad = await run('web/operator', async () => {
  const log = process.env.DM_TEST_LOG
  if (log !== undefined) await shown.screenshot({ path: `${log}/web-operator.png`, fullPage: true })
})
await browser.close()
process.exit(bad > 0 ? 1 : 0)
