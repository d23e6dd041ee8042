// sandbox.files
import { createHash, randomBytes } from 'node:crypto'
import { box, e2b, folder } from './boxes.mjs'
import { equal, holds, raises, test, waitFor } from './check.mjs'

const { FileNotFoundError, FileType, FilesystemEventType, InvalidArgumentError, NotFoundError } = e2b

test('files/text', 30, async () => {
  const { commands, files } = await box()
  const path = `${await folder(await box())}/plain.txt`
  const info = await files.write(path, 'first\nsecond é\n')
  equal([info.path, info.name, info.type], [path, 'plain.txt', FileType.FILE])
  equal(await files.read(path), 'first\nsecond é\n')
  await files.write(path, 'short')
  equal(await files.read(path), 'short')
  equal((await commands.run(`stat -c '%U %G %a' ${path}`)).stdout, 'user user 644\n')
})

test('files/every_byte', 30, async () => {
  const { files } = await box()
  const path = `${await folder(await box())}/bytes`
  const data = Uint8Array.from({ length: 10240 }, (_, n) => n & 255)
  await files.write(path, data.buffer)
  equal(Buffer.from(await files.read(path, { format: 'bytes' })).equals(Buffer.from(data)), true)
  equal((await files.read(path, { format: 'blob' })).size, 10240)
  const chunks = []
  for await (const chunk of await files.read(path, { format: 'stream' })) chunks.push(chunk)
  equal(Buffer.concat(chunks).equals(Buffer.from(data)), true)
})

test('files/empty', 30, async () => {
  const { files } = await box()
  const path = `${await folder(await box())}/nothing`
  await files.write(path, '')
  equal(await files.read(path), '')
  equal((await files.read(path, { format: 'bytes' })).length, 0)
})

test('files/several_at_once', 30, async () => {
  const { files } = await box()
  const where = await folder(await box())
  const infos = await files.write([...Array(10).keys()].map((n) => ({ path: `${where}/sub/${n}`, data: `data ${n}` })))
  equal(infos.map((i) => i.path), [...Array(10).keys()].map((n) => `${where}/sub/${n}`))
  equal(await files.read(`${where}/sub/9`), 'data 9')
})

test('files/hard_names', 30, async () => {
  const { files } = await box()
  const where = await folder(await box())
  for (const name of ['with space', 'ünï-coöde €', 'per%41cent', 'plus+and&=?#', "quo'te", '.hidden']) {
    equal((await files.write(`${where}/${name}`, name)).path, `${where}/${name}`)
    equal(await files.read(`${where}/${name}`), name)
  }
  equal((await files.list(where)).length, 6)
})

test('files/missing', 30, async () => {
  const { files } = await box()
  const where = await folder(await box())
  await raises(FileNotFoundError, files.read(`${where}/none`))
  await raises(NotFoundError, files.getInfo(`${where}/none`))
  await raises(NotFoundError, files.list(`${where}/none`))
  await raises(NotFoundError, files.rename(`${where}/none`, `${where}/other`))
  await raises(NotFoundError, files.watchDir(`${where}/none`, () => {}))
  equal(await files.exists(`${where}/none`), false)
})

test('files/folder_is_no_file', 30, async () => {
  const { files } = await box()
  const where = await folder(await box())
  await raises(InvalidArgumentError, files.write(where, 'data'))
  await raises(InvalidArgumentError, files.read(where))
  await files.write(`${where}/file`, 'data')
  await raises(InvalidArgumentError, files.list(`${where}/file`))
})

test('files/make_list_rename_remove', 30, async () => {
  const { commands, files } = await box()
  const where = await folder(await box())
  equal(await files.makeDir(`${where}/b/c`), true)
  equal(await files.makeDir(`${where}/b/c`), false)
  await files.write(`${where}/a.txt`, 'one\n')
  await commands.run(`cd ${where} && chmod 640 a.txt && ln -s a.txt link`)
  equal((await files.list(where)).map((e) => e.name), ['a.txt', 'b', 'link'])
  const deep = await files.list(where, { depth: 3 })
  equal(deep.map((e) => e.path), ['a.txt', 'b', 'b/c', 'link'].map((n) => `${where}/${n}`))
  const { type, size, mode, permissions, owner, group } = deep[0]
  equal([type, size, mode, permissions, owner, group], [FileType.FILE, 4, 0o640, '-rw-r-----', 'user', 'user'])
  equal([deep[1].type, deep[3].symlinkTarget], [FileType.DIR, `${where}/a.txt`])
  equal((await files.rename(`${where}/a.txt`, `${where}/b/d.txt`)).path, `${where}/b/d.txt`)
  equal([await files.exists(`${where}/a.txt`), await files.read(`${where}/b/d.txt`)], [false, 'one\n'])
  await files.remove(`${where}/b`)
  await files.remove(`${where}/link`)
  equal(await files.list(where), [])
})

test('files/metadata', 30, async () => {
  const { files } = await box()
  const path = `${await folder(await box())}/marked`
  equal((await files.write(path, 'x', { metadata: { author: 'me', stage: '1 of 2' } })).metadata, { author: 'me', stage: '1 of 2' })
  equal((await files.getInfo(path)).metadata, { author: 'me', stage: '1 of 2' })
})

test('files/eight_mebibytes', 60, async () => {
  const { commands, files } = await box()
  const path = `${await folder(await box())}/big`
  const data = randomBytes(8 << 20)
  await files.write(path, new Blob([data]))
  equal((await commands.run(`sha256sum <${path}`)).stdout, `${createHash('sha256').update(data).digest('hex')}  -\n`)
  equal(Buffer.from(await files.read(path, { format: 'bytes' })).equals(data), true)
})

test('files/from_a_stream', 30, async () => {
  const { files } = await box()
  const path = `${await folder(await box())}/streamed`
  const data = randomBytes(700_001)
  await files.write(path, new Blob([data]).stream())
  equal(Buffer.from(await files.read(path, { format: 'bytes' })).equals(data), true)
})

test('files/watch', 30, async () => {
  const { files } = await box()
  const where = await folder(await box())
  const seen = []
  let ended = 0
  const watcher = await files.watchDir(where, (e) => void seen.push(`${e.type} ${e.name}`), { recursive: true, onExit: () => void ended++ })
  await files.write(`${where}/seen`, 'x')
  await waitFor('three events', () => seen.length >= 3)
  equal(seen, [FilesystemEventType.CREATE, FilesystemEventType.CHMOD, FilesystemEventType.WRITE].map((t) => `${t} seen`))
  await files.makeDir(`${where}/new`)
  await files.write(`${where}/new/file`, 'x')
  await waitFor('the file below', () => seen.includes(`${FilesystemEventType.WRITE} new/file`))
  await files.remove(`${where}/seen`)
  await waitFor('the removal', () => seen.includes(`${FilesystemEventType.REMOVE} seen`))
  await watcher.stop()
  await waitFor('the end', () => ended === 1)
})

test('files/signed_links', 30, async () => {
  const sandbox = await box()
  const path = `${await folder(sandbox)}/signed`
  // nothing but the link: under E2B_SANDBOX_URL it does not even name the sandbox
  const body = new FormData()
  body.append('file', new Blob(['by link']), 'signed')
  equal((await fetch(await sandbox.uploadUrl(path), { method: 'POST', body })).status, 200)
  const link = await sandbox.downloadUrl(path, { useSignatureExpiration: 60 })
  equal(await (await fetch(link)).text(), 'by link')
  const old = await fetch(await sandbox.downloadUrl(path, { useSignatureExpiration: -60 }))
  equal([old.status, await old.json()], [401, { code: 401, message: 'signature is already expired' }])
  const wrong = await fetch(link.replace('v1_', 'v1_x'))
  equal([wrong.status, await wrong.json()], [401, { code: 401, message: 'invalid signature' }])
})
