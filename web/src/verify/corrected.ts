/**
 * Which periods something in a bundle corrects: what was stated of those is kept for later, of all others nothing is.
 * It believes what it reads; a bundle of which any of that is untrue is refused by the verifier at that very head.
 */
import { Fault, Newer, Unreadable } from './fault.ts'
import { head } from './shapes.ts'
import { Tar } from './tar.ts'
import { type Source, Unzstd } from './zstd.ts'

/** Starts of the periods, as far as the bundle can be read; `each` is told how many bytes that were. */
export async function corrected(source: Source, each?: (bytes: number) => void): Promise<Set<number>> {
  const out = new Set<number>()
  const unzstd = new Unzstd(source)
  const tar = new Tar(() => unzstd.next())
  try {
    for (let entry = await tar.next(); entry !== null; entry = await tar.next()) {
      each?.(unzstd.taken)
      if (/^statements\/\d+\.json$/.test(entry.name)) {
        for (const { period } of head(entry.body).corrects) {
          out.add(period.start)
        }
      }
    }
  } catch (e) {
    if (!(e instanceof Unreadable || e instanceof Newer || e instanceof Fault)) {
      throw e
    }
  }
  return out
}
