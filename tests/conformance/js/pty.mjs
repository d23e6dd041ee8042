// sandbox.pty
import { box, e2b } from './boxes.mjs'
import { equal, raises, test, waitFor } from './check.mjs'

const { CommandExitError, NotFoundError } = e2b

async function terminal(options = {}) {
  const { pty } = await box()
  const t = { text: '', pty }
  t.handle = await pty.create({ rows: 24, cols: 80, onData: (data) => void (t.text += Buffer.from(data).toString()), ...options })
  t.pid = t.handle.pid
  t.type = (text) => pty.sendInput(t.pid, new TextEncoder().encode(text))
  t.expect = (text) => waitFor(`${JSON.stringify(text)} on the terminal`, () => t.text.includes(text))
  return t
}

test('pty/shell', 30, async () => {
  const t = await terminal({ envs: { PTY_ONLY: 'seen' }, cwd: '/tmp' })
  await t.type('echo $((40+2))-$PTY_ONLY-$TERM; pwd\n')
  await t.expect('42-seen-xterm-256color')
  await t.expect('/tmp\r\n')
  await t.type('exit 0\n')
  equal((await t.handle.wait()).exitCode, 0)
})

test('pty/size', 30, async () => {
  const t = await terminal()
  await t.type('stty size\n')
  await t.expect('24 80')
  await t.pty.resize(t.pid, { rows: 31, cols: 103 })
  await t.type('stty size\n')
  await t.expect('31 103')
  await t.type('exit 9\n')
  equal((await raises(CommandExitError, t.handle.wait())).exitCode, 9)
})

test('pty/kill', 30, async () => {
  const t = await terminal()
  equal(await t.pty.kill(t.pid), true)
  const e = await raises(CommandExitError, t.handle.wait())
  equal([e.exitCode, e.error], [-1, 'signal: killed'])
  equal(await t.pty.kill(t.pid), false)
  await raises(NotFoundError, t.pty.sendInput(999999, new Uint8Array([120])))
})

test('pty/connect_again', 30, async () => {
  const t = await terminal()
  let text = ''
  const again = await t.pty.connect(t.pid, { onData: (data) => void (text += Buffer.from(data).toString()) })
  await t.type('echo to-$((1+1))\n')
  await t.expect('to-2')
  await waitFor('the output at the second client', () => text.includes('to-2'))
  await t.type('exit\n')
  equal([(await t.handle.wait()).exitCode, (await again.wait()).exitCode], [0, 0])
})
