// Snapshots: an image of one moment of a sandbox that stays after it, and begins others by its name.
import { e2b, make, Sandbox } from './boxes.mjs'
import { equal, holds, raises, test } from './check.mjs'

test('snapshot/outlives_its_sandbox', 150, async () => {
  const box = await make()
  const begun = []
  const name = `js-${box.sandboxId}`
  try {
    await box.files.write('/home/user/disk', 'then')
    await box.files.write('/dev/shm/memory', 'then')
    const made = await box.createSnapshot({ name })
    holds(made.snapshotId.endsWith(`/${name}:default`), made.snapshotId)
    await box.files.write('/home/user/disk', 'later')
    const pages = Sandbox.listSnapshots({ sandboxId: box.sandboxId })
    equal((await pages.nextItems()).map((one) => one.snapshotId).join(), made.snapshotId)
    await box.kill()
    begun.push(await Sandbox.create(made.snapshotId, { timeoutMs: 60_000 }))
    equal(await begun[0].files.read('/home/user/disk'), 'then')
    equal(await begun[0].files.read('/dev/shm/memory'), 'then')
    await raises(e2b.SandboxError, Sandbox.deleteSnapshot(made.snapshotId))
    await begun[0].kill()
    equal(await Sandbox.deleteSnapshot(made.snapshotId), true)
    equal(await Sandbox.deleteSnapshot(made.snapshotId), false)
  } finally {
    await Promise.all([box, ...begun].map((one) => one.kill().catch(() => {})))
  }
})
