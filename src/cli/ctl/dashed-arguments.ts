/**
 * Arguments that begin with a dash and are no flags: `-` alone, and all behind `--`. yargs takes none of them as the argument of a
 * command, so they go through it with a mark in front, which no argument of a process can have.
 */

const MARK = '\0'

export function markDashed(args: readonly string[]): string[] {
  const end = args.indexOf('--')
  const marked = (arg: string): string => (arg.startsWith('-') ? `${MARK}${arg}` : arg)
  if (end < 0) return args.map((arg) => (arg === '-' ? marked(arg) : arg))
  return [...markDashed(args.slice(0, end)), ...args.slice(end + 1).map(marked)]
}

export function unmarked(arg: string): string {
  return arg.startsWith(MARK) ? arg.slice(MARK.length) : arg
}
