// A sandbox that runs is forked: others begin with its memory and its disk, and go their own way.
import { e2b, make, Sandbox } from './boxes.mjs'
import { equal, holds, raises, test } from './check.mjs'

test('fork/memory_and_disk', 120, async () => {
  const parent = await make()
  const forks = []
  try {
    await parent.files.write('/home/user/disk', 'of the parent')
    await parent.files.write('/dev/shm/memory', 'of the parent')
    forks.push(...(await parent.fork({ count: 2, timeoutMs: 60_000 })), ...(await Sandbox.fork(parent.sandboxId)))
    equal(forks.length, 3)
    for (const one of forks) {
      holds(one instanceof Sandbox, String(one))
      equal(await one.files.read('/home/user/disk'), 'of the parent')
      equal(await one.files.read('/dev/shm/memory'), 'of the parent')
    }
    equal(new Set([parent, ...forks].map((one) => one.sandboxId)).size, 4)
    const boots = await Promise.all([parent, ...forks].map((one) => one.files.read('/proc/sys/kernel/random/boot_id')))
    equal(new Set(boots).size, 4)
    await forks[0].files.write('/home/user/disk', 'of a child')
    equal(await parent.files.read('/home/user/disk'), 'of the parent')
    equal(await forks[1].files.read('/home/user/disk'), 'of the parent')
    await parent.kill()
    await raises(e2b.SandboxNotFoundError, parent.fork())
    holds(await forks[1].isRunning(), 'a child goes on without its parent')
  } finally {
    await Promise.all([parent, ...forks].map((one) => one.kill?.().catch(() => {})))
  }
})
