// The client that DM_SDK holds, and the sandboxes of the cases: one that most of them share, each in a folder of its
// own, and those of a case's own.
import { randomUUID } from 'node:crypto'
import { pathToFileURL } from 'node:url'

export const e2b = await import(pathToFileURL(`${process.env.DM_SDK}/dist/index.mjs`))
export const { Sandbox } = e2b

export const RUN = randomUUID()
export const METADATA = { run: RUN, kind: 'shared', odd: 'a b&c=d/é%25+' }
export const ENVS = { FROM_CREATE: 'one two', EMPTY: '' }

const LIFE_MS = 240_000
const made = new Set()
let shared = new Map()
let folders = 0

export async function make(options = {}) {
  const box = await Sandbox.create({ timeoutMs: LIFE_MS, ...options })
  made.add(box)
  return box
}

async function end(box) {
  made.delete(box)
  await box.kill().catch(() => {})
}

export async function own(options, body) {
  const box = await make(options)
  try {
    return await body(box)
  } finally {
    await end(box)
  }
}

export function box(name = 'first') {
  if (!shared.has(name)) shared.set(name, make({ metadata: { ...METADATA, name }, envs: ENVS }))
  return shared.get(name)
}

export async function folder(sandbox) {
  const path = `/home/user/case-${process.pid}-${++folders}`
  await sandbox.files.makeDir(path)
  return path
}

// After a failure the next case gets a sandbox that nothing has happened to.
export async function dropShared() {
  const boxes = [...shared.values()]
  shared = new Map()
  for (const promise of boxes) {
    const sandbox = await promise.catch(() => null)
    if (sandbox) await end(sandbox)
  }
}

export async function endAll() {
  for (const sandbox of made) await end(sandbox)
}
