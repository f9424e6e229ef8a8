import { isPrintable, printable } from '../../lib/printable.ts'
import { sizeText } from '../size-text.ts'

/** One of pino's JSON lines for human eyes: `12:03:44.120 info  listening  host=127.0.0.1  port=5672`. */
export function prettyLine(line: string): string {
  // pino wrote this line itself, with these fields.
  const { level, time, msg, pid: _, err, ...fields } = JSON.parse(line) as PinoLine
  const rest = Object.entries(fields).map(([name, value]) => `  ${fieldText(name, value)}`)
  const stack = err?.stack ?? err?.message
  const trace =
    stack === undefined
      ? ''
      : stack
          .split('\n')
          .map((part) => `\n    ${printable(part)}`)
          .join('')
  return `${time.slice(11, 23)} ${level.padEnd(5)} ${printable(msg ?? '')}${rest.join('')}${trace}\n`
}

interface PinoLine {
  readonly level: string
  readonly time: string
  readonly msg?: string
  readonly pid: number
  readonly err?: { readonly message?: string; readonly stack?: string }
}

/** `port=5672`; bytes as sizes: `limit=14.2GiB` for `limitBytes`. */
function fieldText(name: string, value: unknown): string {
  if (typeof value === 'number' && value >= 1024 && name.endsWith('Bytes')) {
    return `${name.slice(0, -'Bytes'.length)}=${sizeText(value).replace(' ', '')}`
  }
  const isWord = typeof value === 'string' && /^[^\s"]+$/u.test(value) && isPrintable(value)
  return `${name}=${isWord ? value : printable(JSON.stringify(value))}`
}
