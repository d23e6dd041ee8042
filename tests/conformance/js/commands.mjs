// sandbox.commands
import { createHash } from 'node:crypto'
import { box, e2b, ENVS, folder } from './boxes.mjs'
import { equal, holds, raises, test, waitFor } from './check.mjs'

const { AuthenticationError, CommandExitError, InvalidArgumentError, NotFoundError, TimeoutError } = e2b

test('commands/result', 30, async () => {
  const done = await (await box()).commands.run('echo out; echo err >&2')
  equal([done.stdout, done.stderr, done.exitCode], ['out\n', 'err\n', 0])
})

test('commands/exit_code', 30, async () => {
  const e = await raises(CommandExitError, (await box()).commands.run('echo some; echo why >&2; exit 37'))
  equal([e.exitCode, e.stdout, e.stderr, e.error], [37, 'some\n', 'why\n', 'exit status 37'])
})

test('commands/output_as_it_comes', 30, async () => {
  const seen = []
  const at = (text) => seen.push([text, Date.now()])
  await (await box()).commands.run('echo first; sleep 1.5; echo second; echo third >&2', { onStdout: at, onStderr: at })
  equal(seen.map(([text]) => text), ['first\n', 'second\n', 'third\n'])
  holds(seen[1][1] - seen[0][1] > 1000, `the first line came only ${seen[1][1] - seen[0][1]} ms before the second`)
})

test('commands/environment', 30, async () => {
  const sandbox = await box()
  const text = 'printf "%s|%s|%s|%s|%s" "$FROM_CREATE" "${EMPTY-unset}" "$HOME" "$E2B_SANDBOX" "$E2B_SANDBOX_ID"'
  equal((await sandbox.commands.run(text)).stdout, `${ENVS.FROM_CREATE}||/home/user|true|${sandbox.sandboxId}`)
  const more = await sandbox.commands.run('printf "%s|%s" "$FROM_CREATE" "$MORE"', { envs: { FROM_CREATE: 'over', MORE: 'x' } })
  equal(more.stdout, 'over|x')
  equal((await sandbox.commands.run('printf "%s" "${MORE-unset}"')).stdout, 'unset')
})

test('commands/folder_and_user', 30, async () => {
  const { commands } = await box()
  equal((await commands.run('pwd; whoami')).stdout, '/home/user\nuser\n')
  equal((await commands.run('pwd; id -u', { cwd: '/etc', user: 'root' })).stdout, '/etc\n0\n')
  await raises(InvalidArgumentError, commands.run('pwd', { cwd: '/no/such/folder' }))
  await raises(AuthenticationError, commands.run('pwd', { user: 'nobody-we-know' }))
})

test('commands/background_list_kill', 30, async () => {
  const { commands } = await box()
  const seen = []
  const handle = await commands.run('echo begun; sleep 60', { background: true, onStdout: (text) => seen.push(text) })
  await waitFor('its output', () => seen.includes('begun\n'))
  const mine = (await commands.list()).filter((p) => p.pid === handle.pid)
  equal(mine.map((p) => [p.cmd, p.args]), [['/bin/bash', ['-l', '-c', 'echo begun; sleep 60']]])
  equal(await commands.kill(handle.pid), true)
  const e = await raises(CommandExitError, handle.wait())
  equal([e.exitCode, e.error, e.stdout], [-1, 'signal: killed', 'begun\n'])
  equal((await commands.list()).filter((p) => p.pid === handle.pid), [])
  equal(await commands.kill(handle.pid), false)
})

test('commands/standard_input', 30, async () => {
  const { commands } = await box()
  const handle = await commands.run('cat; echo end', { background: true, stdin: true })
  await commands.sendStdin(handle.pid, 'some text\n')
  await commands.sendStdin(handle.pid, 'é\n')
  await commands.closeStdin(handle.pid)
  equal((await handle.wait()).stdout, 'some text\né\nend\n')
  await raises(NotFoundError, commands.sendStdin(handle.pid + 100000, 'x'))
  equal((await raises(CommandExitError, commands.run('read -r line'))).exitCode, 1)
})

test('commands/input_of_a_mebibyte', 30, async () => {
  const { commands } = await box()
  const text = '0123456789abcdef'.repeat(65536)
  const handle = await commands.run('sha256sum', { background: true, stdin: true })
  await commands.sendStdin(handle.pid, text)
  await commands.closeStdin(handle.pid)
  equal((await handle.wait()).stdout, `${createHash('sha256').update(text).digest('hex')}  -\n`)
})

test('commands/time_limit', 30, async () => {
  const { commands } = await box()
  const began = Date.now()
  await raises(TimeoutError, commands.run('exec sleep 48', { timeoutMs: 2000 }))
  holds(Date.now() - began < 8000, `a limit of 2 s took ${Date.now() - began} ms`)
  await waitFor('the end of the command itself', async () => !(await commands.list()).some((p) => p.args.includes('exec sleep 48')))
})

test('commands/connect_to_running', 30, async () => {
  const { commands } = await box()
  const handle = await commands.run('sleep 1.5; echo late; sleep 0.1; exit 5', { background: true })
  await handle.disconnect()
  const again = await commands.connect(handle.pid)
  const e = await raises(CommandExitError, again.wait())
  equal([e.exitCode, e.stdout], [5, 'late\n'])
  await raises(NotFoundError, commands.connect(handle.pid + 100000))
})

test('commands/large_output', 30, async () => {
  const done = await (await box()).commands.run("head -c 3000000 /dev/zero | tr '\\0' x; echo; head -c 100000 /dev/zero | tr '\\0' y >&2")
  equal([done.stdout.length, done.stdout.replace(/^x+/, ''), done.stderr.length], [3000001, '\n', 100000])
})

test('commands/split_characters', 30, async () => {
  const done = await (await box()).commands.run("for i in 1 2 3; do printf '\\xe2\\x82'; sleep 0.2; printf '\\xac'; done")
  equal(done.stdout, '€€€')
})

test('commands/eight_at_once', 30, async () => {
  const { commands } = await box()
  const done = await Promise.all([...Array(8).keys()].map((n) => commands.run(`sleep 0.3; echo ${n}`)))
  equal(done.map((d) => d.stdout), [...Array(8).keys()].map((n) => `${n}\n`))
})

test('commands/child_outlives_shell', 30, async () => {
  const sandbox = await box()
  const where = await folder(sandbox)
  await sandbox.commands.run(`nohup sh -c 'sleep 1; echo alive >${where}/said' >/dev/null 2>&1 &`)
  await waitFor("the child's file", () => sandbox.files.exists(`${where}/said`))
})
