// A file of the API into the person's folder of downloads, with the session's cookie: what is refused is a sentence on the page and
// no file with an error in it.
import { ask } from './api'
import { failOf } from './fail'

/** name: where the answer does not name it itself. */
export async function save(path: string, name: string): Promise<void> {
  const answer = await ask(new Request(new URL(path, location.origin)))
  if (!answer.ok) {
    throw failOf(answer.status, await answer.json().catch(() => null), answer.headers.get('X-Request-Id'))
  }
  const said = /filename="([\w.-]{1,128})"/.exec(answer.headers.get('Content-Disposition') ?? '')?.[1]
  give(await answer.blob(), said ?? name)
}

export function give(what: Blob, name: string): void {
  const url = URL.createObjectURL(what)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // the browser has it by then; an address that is taken back too soon is no file
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
