// A terminal that outlives a reload and a nap, and files in and out, byte by byte. The sandbox is real.
import { createHash, randomBytes } from 'node:crypto'
import { at, equal, Looked, launch, made, run, say, signIn, test, watched } from './lib.ts'

const browser = await launch()
const { page, seen } = await watched(browser)
const looked = new Looked()
let id = ''
const NAME = 'a "b" <img src=x>.txt'

const rows = page.locator('.xterm-rows')
/** The screen's text, as one sees it. */
const shows = (text: string) => rows.getByText(text).first().waitFor()
async function type(line: string): Promise<void> {
  await page.locator('.xterm-helper-textarea').focus()
  await page.keyboard.type(line)
  await page.keyboard.press('Enter')
}

test('terminal_answers', async () => {
  await signIn(page)
  id = await (await made(page)).create({ templateID: 'base', timeout: 900 })
  await page.goto(`${at.url}/console/p/${at.slug}/sandboxes/${id}`)
  await page.getByRole('heading', { name: id }).waitFor()
  const since = Date.now()
  await page.getByRole('tab', { name: 'Terminal' }).click()
  await page.getByText('connected', { exact: true }).waitFor()
  await rows.getByText('$').or(rows.getByText('#')).first().waitFor()
  say(`  a prompt after ${Date.now() - since} ms`)
  await type('export MARK=dormouse-$((40 + 2)); echo "$MARK äöü 漢字"')
  await shows('dormouse-42 äöü 漢字')
  await looked.at(page, 'terminal')
})

test('its_size_is_the_pages', async () => {
  await page.setViewportSize({ width: 900, height: 800 })
  await page.waitForTimeout(500)
  await type('clear; stty size | sed "s/^/size /"')
  const small = /size (\d+) (\d+)/.exec(
    (await rows
      .getByText(/size \d+ \d+/)
      .first()
      .textContent()) ?? '',
  )
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.waitForTimeout(500)
  await type('clear; stty size | sed "s/^/SIZE /"')
  const large = /SIZE (\d+) (\d+)/.exec(
    (await rows
      .getByText(/SIZE \d+ \d+/)
      .first()
      .textContent()) ?? '',
  )
  equal(small !== null && large !== null && Number(large[2]) > Number(small[2]), true, `${small?.[0]} ${large?.[0]}`)
})

test('shell_outlives_a_reload', async () => {
  await page.reload()
  await page.getByText('connected', { exact: true }).waitFor()
  await type('echo "again $MARK"')
  await shows('again dormouse-42')
})

test('shell_and_screen_outlive_a_nap', async () => {
  await page.getByRole('button', { name: 'Put to sleep' }).click()
  await page.getByText('What ran in it goes on where it was').waitFor()
  await page.getByText(/Awake it costs CNY [0-9.]+ an hour/).waitFor()
  await looked.at(page, 'asleep')
  await page.getByRole('button', { name: 'Wake it' }).click()
  await shows('asleep from')
  await page.getByText('connected', { exact: true }).waitFor()
  await shows('again dormouse-42')
  await type('echo "third $MARK"')
  await shows('third dormouse-42')
})

test('much_output_does_not_stop_it', async () => {
  await type('clear; head -c 3000000 /dev/zero | tr "\\0" x | fold -w 100; echo; echo all of $((6 * 7))')
  await rows.getByText('all of 42').first().waitFor({ timeout: 60_000 })
})

test('files_go_in_and_out_unchanged', async () => {
  await page.getByRole('tab', { name: 'Files' }).click()
  await page.getByRole('table', { name: 'Folder' }).waitFor()
  await page.getByRole('button', { name: 'New folder' }).click()
  await page.getByLabel('What it is called').fill('box')
  await page.getByRole('button', { name: 'Make' }).click()
  await page.getByRole('button', { name: 'box/' }).click()
  await page.getByText('There is nothing in this folder.').waitFor()
  const large = randomBytes(8 << 20)
  await page.getByTestId('upload').setInputFiles([
    { name: NAME, mimeType: 'text/html', buffer: Buffer.from('<script>alert(1)</script>\n') },
    { name: 'large.bin', mimeType: 'application/octet-stream', buffer: large },
  ])
  const row = page.getByRole('row').filter({ hasText: 'large.bin' })
  await row.waitFor({ timeout: 60_000 })
  await row.getByText('8 MiB').waitFor()
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    row.getByRole('button', { name: 'Download' }).click(),
  ])
  const got = Buffer.concat(await (await file.createReadStream()).toArray())
  const sha = (b: Buffer) => createHash('sha256').update(b).digest('hex')
  equal(sha(got), sha(large), 'what came out')
  await looked.at(page, 'files')
})

test('a_file_is_shown_as_text_alone', async () => {
  await page.getByRole('button', { name: NAME }).click()
  await page.getByText('<script>alert(1)</script>').waitFor()
  await page.reload()
  await page.getByText('<script>alert(1)</script>').waitFor()
  await looked.at(page, 'a file')
  await page.getByRole('button', { name: 'Back to the folder' }).click()
  await page.getByRole('row').filter({ hasText: NAME }).getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('button', { name: NAME }).waitFor({ state: 'detached' })
  await page.getByLabel('Folder', { exact: true }).first().fill('/no/such')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').waitFor()
})

test('it_was_told_in_the_audit', async () => {
  await page.getByRole('link', { name: 'Audit', exact: true }).click()
  await page.getByRole('button', { name: 'sandbox.access' }).first().waitFor()
})

test('nothing_serious_for_axe_and_nothing_cut', async () => equal(looked.found, []))
test('no_breach_of_the_policy', async () => equal(seen.violations, []))
// a nap breaks the shell's stream off, which the browser prints by itself
test('no_error_and_no_warning', async () =>
  equal(
    seen.errors.filter((text) => !text.includes('ERR_INCOMPLETE_CHUNKED_ENCODING')),
    [],
  ))
test('no_request_elsewhere', async () =>
  equal(
    seen.foreign.filter((url) => new URL(url).origin !== new URL(process.env.E2B_SANDBOX_URL ?? at.url).origin),
    [],
  ))

const bad = await run('web/inside', async () => {
  const log = process.env.DM_TEST_LOG
  if (log !== undefined) await page.screenshot({ path: `${log}/web-inside.png`, fullPage: true })
})
await browser.close()
process.exit(bad > 0 ? 1 : 0)
