import { nearest } from '../../lib/nearest.ts'
import { correction } from '../correction.ts'
import { VERBS } from './verbs/all-verbs.ts'

/** What is wrong with the arguments of `leveret ctl`: yargs' complaint, or that there is no such command. */
export async function ctlMisuseText(complaint: string, args: readonly string[]): Promise<string> {
  const names = VERBS.map(({ name }) => name)
  const [, word] = args
  if (word === undefined || word.startsWith('-') || names.includes(word))
    return `${complaint}${await correction(complaint, args)}`
  const meant = nearest(word, names)
  return `there is no command ${word}${meant === undefined ? '' : `; did you mean ${meant}?`}`
}
