// Every page at two widths in two themes, empty and full, for the eye of whoever changes one: shots FOLDER.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { admin, at, launch, say, signIn, theme, watched } from './lib.ts'
import { opsShots } from './shots-ops.ts'

const folder = process.argv[2] ?? 'shots'
/** pages whose names begin so; all of them where it is left out */
const wanted = process.argv[3] ?? ''
mkdirSync(folder, { recursive: true })
const browser = await launch()
const { page } = await watched(browser)

async function shot(name: string): Promise<void> {
  if (!name.startsWith(wanted)) return
  for (const [width, height] of [
    [1440, 900],
    [390, 844],
  ] as const) {
    await page.setViewportSize({ width, height })
    for (const now of ['light', 'dark'] as const) {
      await theme(page, now)
      await page.waitForTimeout(250)
      await page.screenshot({ path: join(folder, `${name}-${width}-${now}.png`) })
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 })
  say(`  ${name}`)
}

async function call(method: string, path: string, key: string, body?: object): Promise<{ sandboxID?: string }> {
  const answer = await fetch(`${at.url}${path}`, {
    method,
    headers: { 'X-API-Key': key, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return (await answer.json().catch(() => ({}))) as { sandboxID?: string }
}

async function customerShots(): Promise<void> {
  await page.goto(`${at.url}/console/`)
  await page.getByLabel('Address').waitFor()
  await shot('sign-in')
  await page.getByRole('link', { name: 'Create an account' }).click()
  await page.getByLabel('Your name').waitFor()
  await shot('sign-up')
  await signIn(page)
  await page.getByRole('heading', { name: 'Your first sandbox' }).waitFor()
  await page.getByRole('button', { name: 'Create key' }).click()
  const key = (await page.locator('code').first().textContent()) ?? ''
  await shot('quickstart')
  await page.goto(`${at.url}/console/p/${at.slug}/sandboxes`)
  await page.getByText('No sandbox has been here yet.').waitFor()
  await shot('list-empty')

  await page.goto(`${at.url}/docs/api/cli?next=http://localhost:4711&cliVersion=2.19.0`)
  await page.getByRole('button', { name: 'Sign it in' }).waitFor()
  await shot('command-line')

  const ids: string[] = []
  for (const metadata of [
    { team: 'ml', job: 'rollout-17' },
    { team: 'ml', job: 'rollout-18' },
    { team: 'web' },
    { team: 'web', user: 'ada' },
    {},
  ]) {
    const made = await call('POST', '/sandboxes', key, { templateID: 'base', timeout: 1800, metadata })
    if (made.sandboxID !== undefined) ids.push(made.sandboxID)
  }
  const [one = '', two = '', three = ''] = ids
  await call('POST', `/sandboxes/${two}/pause`, key)
  await call('DELETE', `/sandboxes/${three}`, key)
  await call('POST', '/sandboxes', key, { templateID: 'base', memoryMB: 1 << 20 })
  await call('POST', '/sandboxes', key, { templateID: 'nothing-like-it' })
  // so that a period of 60 s closes over them
  await page.waitForTimeout(Number(process.env.DM_SHOTS_WAIT_S ?? '75') * 1000)

  await page.goto(`${at.url}/console/p/${at.slug}`)
  await page.getByRole('heading', { name: 'Newest sandboxes' }).waitFor()
  await page.waitForTimeout(2000)
  await shot('overview')
  await page.goto(`${at.url}/console/p/${at.slug}/sandboxes`)
  await page.getByRole('row').nth(2).waitFor()
  await page.getByRole('row').nth(1).getByRole('checkbox').check()
  await page.getByRole('row').nth(2).getByRole('checkbox').check()
  await shot('list')
  await page.getByRole('button', { name: 'Kill 2' }).click()
  await shot('list-kill')
  await page.keyboard.press('Escape')
  await page.goto(`${at.url}/console/p/${at.slug}/sandboxes?state=changing&q=nothing`)
  await page.getByText('No sandbox fits this filter.').waitFor()
  await shot('list-no-hits')
  for (const tab of ['life', 'metrics', 'logs', 'terminal', 'files', 'lineage', 'cost']) {
    await page.goto(`${at.url}/console/p/${at.slug}/sandboxes/${one}?tab=${tab}`)
    await page.getByRole('heading', { name: one }).waitFor()
    await page.waitForTimeout(tab === 'metrics' ? 8000 : tab === 'terminal' ? 5000 : 1500)
    await shot(`sandbox-${tab}`)
  }
  await page.goto(`${at.url}/console/p/${at.slug}/sandboxes/${two}`)
  await page.getByText('paused by a call').first().waitFor()
  await shot('sandbox-asleep')
  await page.goto(`${at.url}/console/p/${at.slug}/sandboxes/${three}`)
  await page.getByText('killed by a call').first().waitFor()
  await shot('sandbox-ended')
  await page.keyboard.press('Control+k')
  await page.waitForTimeout(500)
  await shot('palette')
  await page.goto(`${at.url}/console/p/nobodys`)
  await page.getByText('There is no such page').waitFor()
  await shot('lost')

  const { slug } = at
  const invited = await page.request.post(`${at.url}/v1/projects/${slug}/invitations`, {
    headers: { 'Dormouse-Csrf': '1', Origin: at.url },
    data: { email: 'grace@web.test', role: 'developer' },
  })
  if (!invited.ok()) say(`  no invitation: ${invited.status()}`)
  await admin(['limit-set', '--project', slug, '--name', 'running_max', '--value', '7', '--reason', 'a trial'])
  for (const name of ['keys', 'members', 'limits', 'audit']) {
    await page.goto(`${at.url}/console/p/${slug}/${name}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.waitForTimeout(1500)
    await shot(name)
  }
  await page.goto(`${at.url}/console/p/${slug}/keys`)
  await page.getByRole('button', { name: 'Create key' }).click()
  await page.getByText('Only what is chosen').click()
  await shot('keys-new')
  await page.keyboard.press('Escape')
  await page.goto(`${at.url}/console/p/${slug}/members`)
  await page.getByRole('button', { name: 'Invite' }).click()
  await shot('members-invite')
  await page.keyboard.press('Escape')

  const { account } = at
  for (const name of ['usage', 'calculator', 'invoices', 'statements', 'statements/1', 'plan', 'exports', 'account']) {
    await page.goto(`${at.url}/console/a/${account}/${name}`)
    await page.getByRole('main').waitFor()
    await page.waitForTimeout(1500)
    await shot(name.replace('/1', '-one'))
  }
  await page.goto(`${at.url}/console/a/${account}/statements/2`)
  await page.getByRole('table', { name: 'What workers swore to' }).getByRole('link').first().click()
  await page.waitForTimeout(1500)
  await shot('seconds')
  await page.goto(`${at.url}/console/a/${account}/verify?statement=1`)
  await page.waitForTimeout(4000)
  await shot('verify')
  await page.goto(`${at.url}/console/a/${account}/exports`)
  await page.getByRole('button', { name: 'Order' }).click()
  await page.waitForTimeout(6000)
  await shot('exports-ready')
  for (const id of ids) await call('DELETE', `/sandboxes/${id}`, key)
}

if (wanted === '' || !wanted.startsWith('ops')) await customerShots()
if (wanted === '' || wanted.startsWith('ops')) await opsShots(page, shot)
say(`ok web/shots`)
await browser.close()
