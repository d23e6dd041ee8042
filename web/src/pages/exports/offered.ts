// What the API offers as files, in words.
import { billing } from '../../words/billing'
import { plain } from '../../words/format'

const w = billing.exports

type One = { id: string; text: string }
const of = (table: Record<string, string>) =>
  Object.entries(table).map(([id, text]): One => ({ id, text })) as [One, ...One[]]

export const DATASETS = of(w.datasets)
export const FORMATS = of(w.formats)

const word = (known: readonly One[], id: string) => known.find((one) => one.id === id)?.text ?? plain(id)

/** One that this page does not know is called by its name. */
export const what = (row: { dataset: string; format: string }) =>
  `${word(DATASETS, row.dataset)}, ${word(FORMATS, row.format)}`
