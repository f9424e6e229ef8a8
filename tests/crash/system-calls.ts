// Reads what strace -f -xx -v has written: one line per call, or two when something happened in another thread meanwhile.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

export interface SystemCall {
  readonly name: string
  /** What was given to it: strings as bytes, in their order. */
  readonly strings: readonly Buffer[]
  /** What stands in front of the first string, between them and behind the last one. */
  readonly texts: readonly string[]
  /** What it returned; undefined while it is under way. */
  readonly result: number | undefined
}

/** A call begins, or is done. Both come one after the other when nothing happened in between. */
export interface CallEvent {
  readonly phase: 'begin' | 'end'
  readonly call: SystemCall
  /** The same for both events of a call. */
  readonly id: number
}

const UNFINISHED = ' <unfinished ...>'
const RESUMED = /^<\.\.\. (\w+) resumed>/

export async function* callEvents(path: string): AsyncGenerator<CallEvent> {
  const unfinished = new Map<string, { id: number; text: string }>()
  let id = 0
  for await (const line of createInterface({ input: createReadStream(path, 'latin1') })) {
    const [, thread = '', text = ''] = /^(\d+) +(.*)$/s.exec(line) ?? []
    if (/^(?:---|\+\+\+)/.test(text)) continue
    const resumed = RESUMED.exec(text)
    if (resumed !== null) {
      const begun = unfinished.get(thread)
      unfinished.delete(thread)
      if (begun === undefined) continue
      const call = parseCall(begun.text + text.slice(resumed[0].length))
      yield { phase: 'end', call, id: begun.id }
    } else if (text.endsWith(UNFINISHED)) {
      const begun = { id: ++id, text: text.slice(0, -UNFINISHED.length) }
      unfinished.set(thread, begun)
      yield { phase: 'begin', call: parseCall(begun.text), id }
    } else {
      const call = parseCall(text)
      yield { phase: 'begin', call: { ...call, result: undefined }, id: ++id }
      yield { phase: 'end', call, id }
    }
  }
}

/** `pwrite64(29, "\x4c\x56", 2, 0) = 2` */
function parseCall(text: string): SystemCall {
  const pieces = text.split('"')
  const last = pieces.at(-1) ?? ''
  const name = /^\w+/.exec(text)?.[0]
  if (name === undefined || pieces.length % 2 === 0) throw new Error(`not a system call: ${text.slice(0, 200)}`)
  const texts = pieces.filter((_, at) => at % 2 === 0)
  if (texts.slice(1).some((piece) => piece.startsWith('...'))) throw new Error(`${name} was not traced as a whole`)
  const strings = pieces.filter((_, at) => at % 2 === 1).map((hex) => bytesIn(hex))
  const result = /\) += (-?\d+)[^"]*$/.exec(last)?.[1]
  return { name, strings, texts, result: result === undefined ? undefined : Number(result) }
}

/** `\x4c\x56` */
function bytesIn(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(text.length / 4)
  for (let at = 0; at < bytes.length; at++) bytes[at] = digit(text, 4 * at + 2) * 16 + digit(text, 4 * at + 3)
  return bytes
}

/** Hexadecimal, in lower case. */
function digit(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code < 0x3a ? code - 0x30 : code - 0x57
}

/** The first argument, as a number. */
export function firstNumber({ name, texts }: SystemCall): number {
  return Number(/^\w+\((-?\d+)/.exec(texts[0] ?? '')?.[1] ?? fail(name))
}

/** The last argument, as a number. */
export function lastNumber({ name, texts }: SystemCall): number {
  return Number(/(-?\d+)(?:\) += .*)?$/.exec(texts.at(-1) ?? '')?.[1] ?? fail(name))
}

function fail(name: string): never {
  throw new Error(`${name} has no such argument`)
}
