// A list of ten thousand: few of its rows are in the page, the last is one key away, and a filter leaves what it says. The rows are
// the database's own, of sandboxes that never ran. How fast it is, is a figure and no verdict: the machine may be busy.
import { at, equal, launch, run, say, signIn, sql, test, watched } from './lib.ts'

const MANY = 10_000
const NODES_MAX = 80
const browser = await launch()
const { page, seen } = await watched(browser)

/** of each 100 one is of the team "rare" */
const RARE = MANY / 100

const nodes = () => page.locator('[role=row]').count()
const position = () => page.getByRole('grid').evaluate((grid) => grid.scrollTop)

test('ten_thousand_rows_are_there', async () => {
  await sql(
    `INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, cause, region_no, key_no, template_id,
       build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s, metadata, created_at, ended_at)
     SELECT p.account_no, p.project_no, decode('00000000' || substr(md5(p.slug || n), 9), 'hex'), 'ended', 1, 'killed',
       p.region_no, 1, 'base', gen_random_uuid(), 1, 256, 1, 1, 1024, true, 300,
       jsonb_build_object('team', CASE WHEN n % 100 = 0 THEN 'rare' ELSE 'often' END),
       now() - (${MANY} - n) * interval '1 second', now()
     FROM dm.project p, generate_series(1, ${MANY}) n WHERE p.slug = '${at.slug}'`,
  )
  await signIn(page)
  const since = Date.now()
  await page.goto(`${at.url}/console/p/${at.slug}/sandboxes`)
  await page.getByRole('row').nth(1).waitFor()
  say(`  first rows after ${Date.now() - since} ms`)
  equal((await nodes()) <= NODES_MAX, true, `${await nodes()} rows in the page`)
})

test('the_last_is_one_key_away', async () => {
  await page.getByRole('grid').focus()
  const since = Date.now()
  await page.keyboard.press('End')
  await page.waitForFunction(
    (many) => document.querySelector('[role=grid]')?.getAttribute('aria-rowcount') === String(many + 1),
    MANY,
    { timeout: 60_000 },
  )
  await page.locator(`[role=row][aria-rowindex="${MANY + 1}"]`).waitFor()
  say(`  all ${MANY} loaded and the last shown after ${Date.now() - since} ms`)
  equal((await nodes()) <= NODES_MAX, true, `${await nodes()} rows in the page`)
  await page.keyboard.press('Home')
  await page.locator('[role=row][aria-rowindex="2"]').waitFor()
})

test('it_scrolls', async () => {
  const frames = await page.getByRole('grid').evaluate(
    (grid) =>
      new Promise<number[]>((done) => {
        const times: number[] = []
        const step = (now: number) => {
          times.push(now)
          grid.scrollTop += 240
          if (times.length <= 120) requestAnimationFrame(step)
          else done(times)
        }
        requestAnimationFrame(step)
      }),
  )
  const spans = frames.slice(1).map((now, i) => now - (frames[i] ?? now))
  const mean = spans.reduce((sum, one) => sum + one, 0) / spans.length
  const slowest = Math.max(...spans)
  say(`  ${(1000 / mean).toFixed(1)} frames a second over ${spans.length}, the slowest ${slowest.toFixed(0)} ms`)
  equal((await position()) > 10_000, true, 'it has scrolled')
  equal((await nodes()) <= NODES_MAX, true, `${await nodes()} rows in the page`)
})

test('what_the_page_holds_is_bounded', async () => {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('HeapProfiler.enable')
  await cdp.send('HeapProfiler.collectGarbage')
  const { usedSize } = await cdp.send('Runtime.getHeapUsage')
  say(`  heap ${(usedSize / (1 << 20)).toFixed(1)} MiB`)
  equal(usedSize < 120 * (1 << 20), true, `${usedSize} bytes of heap`)
})

test('a_filter_leaves_what_it_says', async () => {
  const filter = page.getByLabel('Filter')
  await filter.fill('team=rare')
  const since = Date.now()
  await filter.press('Enter')
  await page.getByText(`${RARE} sandboxes`).waitFor()
  say(`  ${RARE} of ${MANY} found and shown after ${Date.now() - since} ms`)
  await page.reload()
  await page.getByText(`${RARE} sandboxes`).waitFor()
  equal(await filter.inputValue(), 'team=rare', 'the filter after a reload')
})

test('it_is_sorted_the_other_way', async () => {
  await page.getByLabel('Filter').fill('')
  await page.getByText(/^10,000 sandboxes|loaded of more than/).waitFor()
  const first = () => page.locator('[role=row][aria-rowindex="2"]').getAttribute('id')
  const newest = await first()
  const since = Date.now()
  await page.getByRole('button', { name: 'Age' }).click()
  await page.waitForFunction((was) => document.querySelector('[role=row][aria-rowindex="2"]')?.id !== was, newest)
  say(`  the other way round after ${Date.now() - since} ms`)
  await page.waitForURL('**/sandboxes?sort=oldest')
  equal((await nodes()) <= NODES_MAX, true, `${await nodes()} rows in the page`)
})

test('no_breach_of_the_policy', async () => equal(seen.violations, []))
test('no_error_and_no_warning', async () => equal(seen.errors, []))

const bad = await run('web/rows', async () => {
  const log = process.env.DM_TEST_LOG
  if (log !== undefined) await page.screenshot({ path: `${log}/web-rows.png` })
})
await browser.close()
process.exit(bad > 0 ? 1 : 0)
