// What is refused, and as which error.
import { box, e2b, Sandbox } from './boxes.mjs'
import { equal, holds, raises, skip, test } from './check.mjs'

const { AuthenticationError, RateLimitError, SandboxError, SandboxNotFoundError } = e2b
const UNKNOWN_KEY = `e2b_${'0123456789'.repeat(4)}`

test('refusals/keys', 30, async () => {
  const apiKey = UNKNOWN_KEY
  await raises(AuthenticationError, Sandbox.create({ apiKey }))
  await raises(AuthenticationError, Sandbox.list({ apiKey }).nextItems())
  await raises(AuthenticationError, Sandbox.connect((await box()).sandboxId, { apiKey }))
  await raises(AuthenticationError, Sandbox.create({ apiKey: 'nothing like a key' }))
})

test('refusals/unknown_sandbox', 30, async () => {
  for (const id of ['i0123456789abcdefghij', 'nonexistingsandbox']) {
    for (const call of [Sandbox.connect, Sandbox.getInfo, Sandbox.pause, Sandbox.getMetrics]) {
      await raises(SandboxNotFoundError, call.call(Sandbox, id))
    }
    await raises(SandboxNotFoundError, Sandbox.setTimeout(id, 60_000))
    equal(await Sandbox.kill(id), false)
  }
})

test('refusals/template_and_timeout', 30, async () => {
  holds((await raises(SandboxError, Sandbox.create('no-such-template'))).message.includes('404'), 'not a 404')
  holds((await raises(SandboxError, Sandbox.create({ timeoutMs: 1e11 }))).message.includes('400'), 'not a 400')
})

test('refusals/one_too_many', 40, async () => {
  const apiKey = process.env.DM_SMALL_KEY
  if (!apiKey) skip('no project with a limit of one sandbox')
  const first = await Sandbox.create({ apiKey, timeoutMs: 60_000 })
  try {
    await raises(RateLimitError, Sandbox.create({ apiKey, timeoutMs: 60_000 }))
    await raises(SandboxNotFoundError, Sandbox.getInfo((await box()).sandboxId, { apiKey }))
  } finally {
    equal(await first.kill(), true)
  }
})
