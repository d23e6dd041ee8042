// The life of a sandbox, as the client sees it.
import { readFileSync } from 'node:fs'
import { box, e2b, METADATA, own, RUN, Sandbox } from './boxes.mjs'
import { equal, holds, raises, sleep, test, waitFor } from './check.mjs'

const { NotFoundError, SandboxNotFoundError, TimeoutError } = e2b

// Ids of all pages.
async function found(query) {
  const pages = Sandbox.list({ query })
  const out = []
  while (pages.hasNext) out.push(...(await pages.nextItems()).map((s) => s.sandboxId))
  return out
}

const leftS = async (sandbox) => ((await Sandbox.getInfo(sandbox.sandboxId)).endAt - Date.now()) / 1000

test('sandbox/information', 30, async () => {
  const sandbox = await box()
  const info = await Sandbox.getInfo(sandbox.sandboxId)
  equal([info.sandboxId, info.state, info.name, info.envdVersion], [sandbox.sandboxId, 'running', 'base', '0.6.13'])
  equal(Object.entries(info.metadata).sort(), Object.entries({ ...METADATA, name: 'first' }).sort())
  holds(info.cpuCount >= 1 && info.memoryMB >= 256, `${info.cpuCount} CPU, ${info.memoryMB} MiB`)
  holds(info.startedAt <= new Date() && info.endAt > new Date(), `${info.startedAt} to ${info.endAt}`)
  equal(await sandbox.isRunning(), true)
  const release = (await sandbox.commands.run('uname -r')).stdout
  holds(release !== readFileSync('/proc/sys/kernel/osrelease', 'utf8'), `the host's kernel: ${release}`)
})

// And no name in E2B's cloud, to which a program would send what it has for the sandbox.
test('sandbox/its_host_is_ours', 30, async () => {
  const sandbox = await box()
  const [name, ...rest] = sandbox.getHost(8080).split('.')
  equal(name, `8080-${sandbox.sandboxId}`)
  const domain = rest.join('.')
  holds(domain !== 'e2b.app' && domain === (process.env.E2B_DOMAIN ?? domain), domain)
})

test('sandbox/set_timeout', 30, async () => {
  const sandbox = await box()
  await sandbox.setTimeout(900_000)
  let left = await leftS(sandbox)
  holds(left > 880 && left <= 901, `${left} s left of 900`)
  await Sandbox.setTimeout(sandbox.sandboxId, 240_000)
  left = await leftS(sandbox)
  holds(left > 220 && left <= 241, `${left} s left of 240`)
})

test('sandbox/two_are_apart', 30, async () => {
  const [first, second] = [await box(), await box('second')]
  await first.files.write('/tmp/only-in-first', 'x')
  equal(await second.files.exists('/tmp/only-in-first'), false)
  const ids = await Promise.all([first, second].map((s) => s.files.read('/proc/sys/kernel/random/boot_id')))
  holds(ids[0] !== ids[1], `one boot id for both: ${ids[0]}`)
})

test('sandbox/listing_in_pages', 30, async () => {
  const [first, second] = [await box(), await box('second')]
  equal(await found({ metadata: { run: RUN, name: 'first' } }), [first.sandboxId])
  equal(await found({ metadata: METADATA }), [second.sandboxId, first.sandboxId], 'the latest first')
  equal(await found({ metadata: METADATA, state: ['paused'] }), [])
  const pages = Sandbox.list({ query: { metadata: METADATA, state: ['running'] }, limit: 1 })
  const out = []
  for (const more of [true, false]) {
    out.push(...(await pages.nextItems()).map((s) => s.sandboxId))
    equal([out.length, pages.hasNext], [more ? 1 : 2, more])
  }
  equal(out, [second.sandboxId, first.sandboxId])
})

test('sandbox/metrics', 45, async () => {
  const rows = await waitFor('the first metric', async () => {
    const got = await (await box()).getMetrics()
    return got.length > 0 && got
  }, 35, 500)
  const row = rows.at(-1)
  holds(row.cpuCount >= 1 && row.memUsed > 0 && row.memUsed < row.memTotal && row.diskUsed > 0, JSON.stringify(row))
  holds(Math.abs(row.timestamp - Date.now()) < 60_000, `a metric of ${row.timestamp}`)
})

test('sandbox/killed_once', 40, () =>
  own({ metadata: { run: RUN, kind: 'killed' } }, async (sandbox) => {
    equal(await found({ metadata: { run: RUN, kind: 'killed' } }), [sandbox.sandboxId])
    equal(await sandbox.kill(), true)
    equal(await sandbox.isRunning(), false)
    equal(await sandbox.kill(), false)
    equal(await found({ metadata: { run: RUN, kind: 'killed' } }), [])
    await raises(NotFoundError, Sandbox.getInfo(sandbox.sandboxId))
    await raises(NotFoundError, Sandbox.connect(sandbox.sandboxId))
    await raises(NotFoundError, Sandbox.pause(sandbox.sandboxId))
    await raises(Error, sandbox.commands.run('true'))
  })
)

test('sandbox/killed_under_a_stream', 40, () =>
  own({}, async (sandbox) => {
    const seen = []
    const handle = await sandbox.commands.run('echo begun; sleep 100', { background: true, onStdout: (text) => void seen.push(text) })
    const ends = []
    await sandbox.files.watchDir('/home/user', () => {}, { timeoutMs: 0, onExit: (e) => void ends.push(e) })
    await waitFor('its output', () => seen.length > 0)
    const waiting = raises(TimeoutError, handle.wait())
    await sleep(300)
    equal(await sandbox.kill(), true)
    const e = await waiting
    holds(/killed or reached its end of life/.test(e.message), e.message)
    await waitFor("the watcher's end", () => ends.length > 0)
  })
)

test('sandbox/times_out', 40, () =>
  own({ timeoutMs: 4000 }, async (sandbox) => {
    equal(await sandbox.isRunning(), true)
    await waitFor('its end', async () => !(await sandbox.isRunning()), 8, 200)
    await waitFor('the news of it', () => Sandbox.getInfo(sandbox.sandboxId).then(() => false, (e) => e instanceof NotFoundError), 3)
  })
)

test('sandbox/sleeps_and_wakes', 80, () =>
  own({ metadata: { run: RUN, kind: 'sleeper' }, envs: { KEPT: 'yes' }, timeoutMs: 300_000 }, async (sandbox) => {
    await sandbox.files.write('/home/user/on-disk', 'disk')
    await sandbox.files.write('/dev/shm/in-memory', 'memory')
    const boot = await sandbox.files.read('/proc/sys/kernel/random/boot_id')
    const sleeper = await sandbox.commands.run('sleep 600', { background: true, timeoutMs: 0 })
    sleeper.wait().catch(() => {})
    equal(await sandbox.pause(), true)
    equal((await Sandbox.getInfo(sandbox.sandboxId)).state, 'paused')
    equal(await found({ metadata: { run: RUN, kind: 'sleeper' }, state: ['paused'] }), [sandbox.sandboxId])
    equal(await Sandbox.pause(sandbox.sandboxId), false)
    equal(await sandbox.isRunning(), false)

    const woken = await Sandbox.connect(sandbox.sandboxId, { timeoutMs: 120_000 })
    equal(await woken.isRunning(), true)
    equal([await woken.files.read('/home/user/on-disk'), await woken.files.read('/dev/shm/in-memory')], ['disk', 'memory'])
    equal(await woken.files.read('/proc/sys/kernel/random/boot_id'), boot)
    equal((await woken.commands.run('echo $KEPT')).stdout, 'yes\n')
    holds((await woken.commands.list()).some((p) => p.pid === sleeper.pid), 'its process is gone')
    equal(await woken.commands.kill(sleeper.pid), true)
    const left = await leftS(woken)
    holds(left > 100 && left <= 121, `${left} s left of 120`)
  })
)

test('sandbox/killed_asleep', 60, () =>
  own({}, async (sandbox) => {
    await sandbox.pause()
    equal(await Sandbox.kill(sandbox.sandboxId), true)
    equal(await Sandbox.kill(sandbox.sandboxId), false)
    await raises(SandboxNotFoundError, Sandbox.connect(sandbox.sandboxId))
  })
)
