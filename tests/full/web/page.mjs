// What runs in the browser: one sandbox, and what its page wants of it. Each case also proves that the browser lets the
// page see the answer, be it a refusal.
import { AuthenticationError, CommandExitError, FileNotFoundError, NotFoundError, Sandbox } from 'e2b'

const cases = []
const test = (name, body) => cases.push({ name, body })
let where, box

function equal(got, expected) {
  if (JSON.stringify(got) !== JSON.stringify(expected)) {
    throw new Error(`got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`)
  }
}

async function raises(kind, promise) {
  let got
  try {
    got = await promise
  } catch (e) {
    if (e instanceof kind) return e
    throw new Error(`raised ${e?.constructor?.name} (${e?.message}) instead of ${kind.name}`)
  }
  throw new Error(`returned ${JSON.stringify(got)} instead of raising ${kind.name}`)
}

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

test('create', async () => {
  box = await Sandbox.create({ ...where, timeoutMs: 200_000, metadata: { page: location.origin } })
  const info = await box.getInfo()
  equal([info.sandboxId, info.state, info.metadata.page], [box.sandboxId, 'running', location.origin])
})

test('refused_key', async () => {
  await raises(AuthenticationError, Sandbox.create({ ...where, apiKey: `e2b_${'0'.repeat(40)}` }))
})

test('unknown_sandbox', async () => {
  await raises(NotFoundError, Sandbox.getInfo('i00000000000000000000', where))
})

// The second half of the output exists only after the page has seen the first.
test('command_streams', async () => {
  let seen = ''
  const command = await box.commands.run('echo first; read -r word; echo "then $word"; exit 3', {
    background: true,
    stdin: true,
    onStdout: (text) => (seen += text),
  })
  while (seen !== 'first\n') await later(20)
  await box.commands.sendStdin(command.pid, 'second\n')
  const e = await raises(CommandExitError, command.wait())
  equal([e.exitCode, e.stdout, seen], [3, 'first\nthen second\n', 'first\nthen second\n'])
})

test('terminal', async () => {
  let seen = ''
  const decoder = new TextDecoder()
  const terminal = await box.pty.create({ cols: 80, rows: 24, onData: (bytes) => (seen += decoder.decode(bytes)) })
  await box.pty.sendInput(terminal.pid, new TextEncoder().encode('echo $((6 * 7))\nexit\n'))
  equal((await terminal.wait()).exitCode, 0)
  equal(seen.includes('42'), true)
})

test('files', async () => {
  const bytes = new Uint8Array(100_000).map((_, i) => i * 7)
  const info = await box.files.write('folder/a b é.txt', 'some text\n')
  equal([info.name, info.path], ['a b é.txt', '/home/user/folder/a b é.txt'])
  await box.files.write('folder/bytes', new Blob([bytes]))
  equal(await box.files.read('folder/a b é.txt'), 'some text\n')
  equal(Array.from(await box.files.read('folder/bytes', { format: 'bytes' })), Array.from(bytes))
  let read = 0
  const stream = await box.files.read('folder/bytes', { format: 'stream' })
  for (const reader = stream.getReader(); ;) {
    const { done, value } = await reader.read()
    if (done) break
    read += value.length
  }
  equal(read, bytes.length)
  const entries = await box.files.list('folder')
  equal(entries.map((e) => [e.name, e.type, e.size]).sort(), [['a b é.txt', 'file', 10], ['bytes', 'file', 100_000]])
  await raises(FileNotFoundError ?? NotFoundError, box.files.read('folder/nothing'))
  equal(await box.files.exists('folder/nothing'), false)
})

test('watch', async () => {
  const seen = []
  const watch = await box.files.watchDir('folder', (event) => seen.push(event.name))
  await box.files.write('folder/new', '')
  while (!seen.includes('new')) await later(20)
  await watch.stop()
})

// The next page's token travels in a header, which a browser hides unless it is exposed.
test('list_pages', async () => {
  const other = await Sandbox.create({ ...where, timeoutMs: 60_000, metadata: { page: location.origin } })
  try {
    const pages = Sandbox.list({ ...where, limit: 1, query: { metadata: { page: location.origin } } })
    const ids = []
    while (pages.hasNext) ids.push(...(await pages.nextItems()).map((s) => s.sandboxId))
    equal(ids.sort(), [box.sandboxId, other.sandboxId].sort())
  } finally {
    await other.kill()
  }
})

test('sleep_and_wake', async () => {
  await box.pause()
  equal((await box.getInfo()).state, 'paused')
  box = await Sandbox.connect(box.sandboxId, where)
  equal(await box.files.read('folder/a b é.txt'), 'some text\n')
})

test('kill', async () => {
  equal(await box.kill(), true)
  equal(await box.isRunning(), false)
  await raises(NotFoundError, Sandbox.getInfo(box.sandboxId, where))
})

window.run = async (at, wanted) => {
  where = at
  for (const { name, body } of cases) {
    if (wanted.length > 0 && name !== 'create' && name !== 'kill' && !wanted.some((w) => name.startsWith(w))) continue
    let timer
    const limit = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('still not done after 30 s')), 30_000)
    })
    const why = await Promise.race([body(), limit]).then(() => null, (e) => `${e?.constructor?.name}: ${e?.message}`)
    clearTimeout(timer)
    await window.say(name, why)
  }
}
