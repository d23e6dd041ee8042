import { en, type Words } from './en'

/** The table of the language that is shown. */
export const words: Words = en
