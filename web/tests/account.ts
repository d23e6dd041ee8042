// What an owner does with his account, to the day on which he hands it over; and what one sees of forks and of what one sandbox
// costs. The deployment is real, and so are the forks.
import { at, equal, Looked, launch, letter, made, run, signIn, test, watched } from './lib.ts'

const browser = await launch()
const { page, seen } = await watched(browser)
const looked = new Looked()
const heir = { email: `grace-${at.slug}@web.test`, password: 'a good long password' }

const own = async <T>(path: string): Promise<T> => (await (await page.request.get(`${at.url}${path}`)).json()) as T
const account = () =>
  own<{ name: string; roles: string[]; billing: Record<string, unknown> }>(`/v1/accounts/${at.account}`)
const button = (name: string) => page.getByRole('button', { name, exact: true })
const dialog = () => page.getByRole('dialog').or(page.getByRole('alertdialog'))

test('account_is_renamed', async () => {
  await signIn(page)
  await page.getByRole('link', { name: 'Account', exact: true }).click()
  await page.getByRole('heading', { name: 'Who is billed' }).waitFor()
  await looked.at(page, 'account')
  await page.getByRole('main').getByRole('button', { name: 'Rename' }).first().click()
  await dialog().getByLabel('Name').fill('Ada <b>&</b> Co')
  await dialog().getByRole('button', { name: 'Save' }).click()
  await page.getByRole('heading', { name: 'Ada <b>&</b> Co', level: 1 }).waitFor()
  equal((await account()).name, 'Ada <b>&</b> Co')
})

test('who_is_billed_is_saved', async () => {
  await page.getByLabel('Legal name').fill('Ada Ltd')
  await page.getByLabel('Address').fill('1 Street\n\nTown')
  await page.getByLabel('Purchase order').fill('PO-2026-17')
  await button('Save').click()
  await page.getByText('Saved.').waitFor()
  await page.getByLabel('Country').fill('XX')
  await button('Save').click()
  await page.getByRole('alert').waitFor()
  equal(await page.getByLabel('Country').inputValue(), 'XX', 'what was typed, after a no')
  await page.reload()
  await page.getByLabel('Legal name').waitFor()
  equal(await page.getByLabel('Address').inputValue(), '1 Street\nTown')
  const { legal_name, address, country, purchase_order } = (await account()).billing
  equal([legal_name, address, country, purchase_order], ['Ada Ltd', ['1 Street', 'Town'], 'CN', 'PO-2026-17'])
})

test('a_project_is_made_removed_and_taken_back', async () => {
  const slug = `${at.slug}-day`
  await button('New project').click()
  await dialog().getByLabel('Name').fill('Day shift')
  await dialog().getByLabel('Slug').fill('Not a slug')
  equal(await dialog().getByRole('button', { name: 'New project' }).isDisabled(), true, 'what is no slug')
  await dialog().getByLabel('Slug').fill(slug)
  await looked.at(page, 'new project')
  await dialog().getByRole('button', { name: 'New project' }).click()
  const row = page.getByRole('table', { name: 'Projects' }).getByRole('row').filter({ hasText: slug })
  await row.getByRole('button', { name: 'Remove' }).click()
  equal(await dialog().getByRole('button', { name: 'Remove' }).isDisabled(), true, 'before its slug is typed')
  await dialog().getByLabel(`Type ${slug} to go on`).fill(slug)
  await looked.at(page, 'remove a project')
  await dialog().getByRole('button', { name: 'Remove' }).click()
  await row.getByText('is removed at').waitFor()
  await looked.at(page, 'projects')
  await row.getByRole('button', { name: 'Take it back' }).click()
  await row.getByText('is removed at').waitFor({ state: 'detached' })
})

test('forks_are_a_tree', async () => {
  const { create, call } = await made(page)
  const id = await create({ templateID: 'base', timeout: 600 })
  const answer = await call('POST', `/sandboxes/${id}/fork`, { count: 2 })
  equal(answer.status, 201, await answer.clone().text())
  const forks = ((await answer.json()) as { sandbox?: { sandboxID: string } }[]).map(
    (one) => one.sandbox?.sandboxID ?? '',
  )
  const [child = '', other = ''] = forks
  const below = await call('POST', `/sandboxes/${child}/fork`, {})
  const [grandchild = ''] = ((await below.json()) as { sandbox?: { sandboxID: string } }[]).map(
    (one) => one.sandbox?.sandboxID ?? '',
  )
  equal([child, other, grandchild].includes(''), false, 'three forks')
  await page.goto(`${at.url}/console/p/${at.slug}/sandboxes/${child}?tab=lineage`)
  const tree = page.getByRole('list', { name: 'Forks' })
  for (const one of [id, other, grandchild]) await tree.getByRole('link', { name: one }).waitFor()
  equal(await tree.locator('[aria-current=true]').textContent(), child, 'the one that is looked at')
  await looked.at(page, 'lineage')
  await tree.getByRole('link', { name: grandchild }).click()
  await page.getByRole('heading', { name: grandchild }).waitFor()
  await tree.getByRole('link', { name: id }).waitFor()
  await tree.getByText('Nothing was forked from it.').waitFor()
  await page.getByRole('tab', { name: 'Cost' }).click()
  await page.getByRole('heading', { name: 'What if it slept?' }).waitFor()
  await page
    .getByRole('tabpanel')
    .getByText('Formula')
    .or(page.getByRole('tabpanel').getByRole('alert'))
    .first()
    .waitFor()
  await looked.at(page, 'cost')
  for (const one of [id, child, other, grandchild]) await call('DELETE', `/sandboxes/${one}`)
})

test('it_is_handed_over', async () => {
  const headers = { 'Dormouse-Csrf': '1', Origin: at.url }
  const invited = await page.request.post(`${at.url}/v1/accounts/${at.account}/invitations`, {
    headers,
    data: { email: heir.email, role: 'admin' },
  })
  equal(invited.status(), 201)
  const invitation = /\/console\/invite\/(\S+)/.exec(await letter(heir.email))?.[1] ?? ''
  const stranger = await browser.newContext()
  const signedUp = await stranger.request.post(`${at.url}/v1/auth/sign-up`, {
    headers,
    data: { ...heir, name: 'Grace', invitation },
  })
  equal(signedUp.status(), 202)
  await stranger.close()
  await page.goto(`${at.url}/console/a/${at.account}/account`)
  const row = page.getByRole('table', { name: 'In the whole account' }).getByRole('row').filter({ hasText: heir.email })
  await row.getByRole('button', { name: 'Hand over' }).click()
  await looked.at(page, 'hand over')
  await dialog().getByRole('button', { name: 'Hand over' }).click()
  await row.getByText('Owner', { exact: true }).waitFor()
  await page.getByText('Only an owner changes this').waitFor()
  equal((await account()).roles, ['admin'])
})

test('nothing_serious_for_axe_and_nothing_cut', async () => equal(looked.found, []))
test('no_breach_of_the_policy', async () => equal(seen.violations, []))
test('no_error_and_no_warning', async () => equal(seen.errors, []))
test('no_request_elsewhere', async () => equal(seen.foreign, []))

const bad = await run('web/account', async () => {
  const log = process.env.DM_TEST_LOG
  if (log !== undefined) await page.screenshot({ path: `${log}/web-account.png`, fullPage: true })
})
await browser.close()
process.exit(bad > 0 ? 1 : 0)
