// The project's own pages: keys, members with invitations, limits, audit; as their owner sees them, and as a viewer does.
import { admin, at, equal, Looked, launch, letter, run, say, signIn, test, watched } from './lib.ts'

const browser = await launch()
const { page, seen } = await watched(browser)
const looked = new Looked()
/** who is looked at last: what is shown where a test fails */
let shown = page
let key = ''

async function api(bearer: string, path: string): Promise<number> {
  return (await fetch(`${at.url}${path}`, { headers: { 'X-API-Key': bearer } })).status
}

test('key_is_made_and_shown_once', async () => {
  await signIn(page)
  await page.getByRole('link', { name: 'Keys', exact: true }).click()
  await page.getByText('No program has a key of this project yet.').waitFor()
  await looked.at(page, 'keys, empty')
  await page.getByRole('button', { name: 'Create key' }).click()
  await page.getByLabel('Name').fill('CI <b>&</b>')
  await page.reload()
  await page.getByRole('button', { name: 'Create key' }).click()
  equal(await page.getByLabel('Name').inputValue(), 'CI <b>&</b>', 'what was typed, after a reload')
  await page.getByText('Only what is chosen').click()
  await page.getByLabel('read usage').check()
  await looked.at(page, 'keys, a new one')
  await page.getByLabel('It ends').selectOption('In 90 days')
  await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click()
  key = (await page.getByRole('dialog').locator('code').textContent()) ?? ''
  equal(/^e2b_[0-9a-f]{40}$/.test(key), true, 'the key')
  await page.getByRole('button', { name: 'I have it' }).click()
  await page.getByRole('row').filter({ hasText: 'CI <b>&</b>' }).getByText('3 rights').waitFor()
  equal((await page.content()).includes(key), false, 'the key is on the page still')
  equal(await api(key, '/v2/sandboxes'), 200)
  await looked.at(page, 'keys')
})

test('key_is_renamed_and_revoked_at_once', async () => {
  const row = page.getByRole('row').filter({ hasText: 'e2b_' })
  await row.getByRole('button', { name: 'Change' }).click()
  await page.getByLabel('Name').fill('CI')
  await page.getByRole('button', { name: 'Save' }).click()
  await row.getByText('CI', { exact: true }).waitFor()
  await row.getByRole('button', { name: 'Revoke' }).click()
  await looked.at(page, 'keys, revoke')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click()
  await page.getByText('No program has a key of this project yet.').waitFor()
  const since = Date.now()
  while ((await api(key, '/v2/sandboxes')) !== 401) equal(Date.now() - since < 5000, true, 'the key works on')
  say(`  refused ${Date.now() - since} ms after the page said so`)
})

test('what_is_typed_outlives_a_dead_API_and_an_ended_session', async () => {
  await page.getByRole('button', { name: 'Create key' }).click()
  await page.getByLabel('Name').fill('outlives')
  const submit = page.getByRole('dialog').getByRole('button', { name: 'Create key' })
  await page.route('**/v1/**', (route) => route.abort())
  await submit.click()
  await page.getByRole('alert').getByText('The API cannot be reached from this browser.').waitFor()
  await page.unroute('**/v1/**')
  const cookies = await page.context().cookies()
  await page.context().clearCookies()
  await submit.click()
  await page.getByRole('heading', { name: 'Sign in again' }).waitFor()
  await page.getByLabel('Password').fill(at.password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('heading', { name: 'Sign in again' }).waitFor({ state: 'detached' })
  equal(await page.getByLabel('Name').inputValue(), 'outlives', 'what was typed')
  await submit.click()
  await page.getByRole('button', { name: 'I have it' }).click()
  await page.getByRole('row').filter({ hasText: 'outlives' }).waitFor()
  equal(cookies.length > 0, true, 'there was a session')
})

test('somebody_is_invited_and_uninvited', async () => {
  await page.getByRole('link', { name: 'Members', exact: true }).click()
  await page.getByRole('row').filter({ hasText: at.email }).getByText('you').waitFor()
  await page.getByRole('button', { name: 'Invite' }).click()
  await page.getByLabel('Address').fill('grace@web.test')
  await page.getByLabel('Role', { exact: true }).selectOption('Admin')
  await looked.at(page, 'members, invite')
  await page.getByRole('button', { name: 'Send the letter' }).click()
  await page.getByText('A letter to grace@web.test is on its way.').waitFor()
  await page.getByRole('button', { name: 'Close' }).click()
  const row = page.getByRole('row').filter({ hasText: 'grace@web.test' })
  await row.getByText('Admin').waitFor()
  await looked.at(page, 'members')
  await row.getByRole('button', { name: 'Withdraw' }).click()
  await page.getByText('Nobody is invited and has not come yet.').waitFor()
})

test('last_owner_stays', async () => {
  const row = page.getByRole('row').filter({ hasText: at.email })
  await row.getByLabel('Role of Ada').selectOption('Admin')
  await row.getByRole('alert').waitFor()
  await page.reload()
  equal(await row.getByLabel('Role of Ada').inputValue(), 'owner')
})

test('limits_say_whose_they_are', async () => {
  await admin(['limit-set', '--project', at.slug, '--name', 'running_max', '--value', '7', '--reason', 'a trial'])
  await page.keyboard.press('g')
  await page.keyboard.press('l')
  const row = page
    .getByRole('table', { name: 'This project' })
    .getByRole('row')
    .filter({ hasText: 'sandboxes at once' })
  await row.getByText('a trial').waitFor()
  await row.getByText('7', { exact: true }).waitFor()
  await looked.at(page, 'limits')
})

test('audit_tells_all_of_it', async () => {
  await page.getByRole('link', { name: 'Audit', exact: true }).click()
  for (const verb of ['key.add', 'key.change', 'key.revoke', 'invitation.add', 'invitation.withdraw'])
    await page.getByRole('button', { name: verb, exact: true }).first().waitFor()
  await looked.at(page, 'audit')
  await page.getByLabel('What begins with').fill('key.')
  await page.waitForURL('**/audit?verb=key.')
  await page.getByRole('button', { name: 'invitation.add' }).waitFor({ state: 'detached' })
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download as CSV' }).click(),
  ])
  equal(file.suggestedFilename(), 'audit.csv')
  const text = await (await file.createReadStream()).toArray()
  equal(Buffer.concat(text).toString().split('\r\n')[0], '"at","who","verb","object","detail"', 'the file')
})

test('viewer_comes_by_a_letter_and_sees_reasons', async () => {
  const email = `vera-${at.slug}@web.test`
  const password = 'a good long password'
  await page.getByRole('link', { name: 'Members', exact: true }).click()
  await page.getByRole('button', { name: 'Invite' }).click()
  await page.getByLabel('Address').fill(email)
  await page.getByLabel('Role', { exact: true }).selectOption('Viewer')
  await page.getByRole('button', { name: 'Send the letter' }).click()
  await page.getByText(`A letter to ${email} is on its way.`).waitFor()
  const link = /\/console(\/invite\/\S+)/.exec(await letter(email))?.[1] ?? ''
  const other = await watched(browser)
  shown = other.page
  await other.page.goto(`${at.url}/console${link}`)
  await other.page.getByRole('button', { name: 'Create an account with it' }).click()
  await other.page.getByLabel('Your name').fill('Vera')
  await other.page.getByLabel('Password').fill(password)
  await other.page.getByRole('button', { name: 'Create an account' }).click()
  await other.page.getByRole('button', { name: 'Sign in' }).waitFor()
  await other.page.getByLabel('Password').fill(password)
  await other.page.getByRole('button', { name: 'Sign in' }).click()
  await other.page.waitForURL(`**/console/p/${at.slug}`)
  await other.page.getByRole('link', { name: 'Keys', exact: true }).click()
  await other.page.getByText('Your role does not see this page.').waitFor()
  await other.page.getByText('Ask Ada.').waitFor()
  await looked.at(other.page, 'no right')
  await other.page.getByRole('link', { name: 'Members', exact: true }).click()
  await other.page.getByText('an admin or an owner may do this').waitFor()
  equal(await other.page.getByRole('button', { name: 'Invite' }).isDisabled(), true, 'a viewer invites')
  equal(other.seen.errors, [])
  await other.page.context().close()
  shown = page
})

test('nothing_serious_for_axe_and_nothing_cut', async () => equal(looked.found, []))
test('no_breach_of_the_policy', async () => equal(seen.violations, []))
// of an API that was made dead the browser tells by itself
test('no_error_and_no_warning', async () =>
  equal(
    seen.errors.filter((text) => !text.includes('net::ERR_FAILED')),
    [],
  ))
test('no_request_elsewhere', async () => equal(seen.foreign, []))

const bad = await run('web/project', async () => {
  const log = process.env.DM_TEST_LOG
  if (log !== undefined) await shown.screenshot({ path: `${log}/web-project.png`, fullPage: true })
})
await browser.close()
process.exit(bad > 0 ? 1 : 0)
