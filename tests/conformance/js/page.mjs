// What a page does in one sandbox with what POST .../access gave it (DM_ACCESS), as one line of JSON. DM_SDK: the client.
import { pathToFileURL } from 'node:url'

const { Sandbox } = await import(pathToFileURL(`${process.env.DM_SDK}/dist/index.mjs`))
const given = JSON.parse(process.env.DM_ACCESS)
let said
try {
  const box = new Sandbox({
    sandboxId: given.sandbox,
    envdAccessToken: given.token,
    envdVersion: given.agent_version,
    sandboxUrl: given.url,
    sandboxDomain: given.domain ?? undefined,
  })
  await box.files.write('page.txt', 'from a page')
  const text = await box.files.read('page.txt')
  const { stdout } = await box.commands.run('echo $((6 * 7))')
  said = { text, out: stdout }
} catch (e) {
  said = { error: e.constructor.name, message: String(e.message) }
}
console.log(JSON.stringify(said))
