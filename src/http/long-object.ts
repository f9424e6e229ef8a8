/**
 * An object with very long lists in it: arrays, or what gives its things one by one. As one text it would be made in one turn; as a
 * stream, others are served meanwhile. One that is short after all is sent as a whole.
 */
import { jsonText } from '../lib/exact-json.ts'
import { Pacer } from '../lib/pacer.ts'
import { type Columns, pick, wantedOf } from './lists/columns.ts'

const CHUNK_CHARACTERS = 32 * 1024
const HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-cache' }

/** `over` is called when all is made, or the client has gone. */
export function longObject(object: object, columns?: Columns, over: () => void = () => {}): Response {
  const parts = textsOf(object, columns)
  try {
    let head = ''
    while (head.length < CHUNK_CHARACTERS) {
      const { done, value } = parts.next()
      if (done === true) {
        over()
        return new Response(head, { headers: HEADERS })
      }
      head += value
    }
    return new Response(streamOf(head, parts, over), { headers: HEADERS })
  } catch (error) {
    over()
    throw error
  }
}

function streamOf(head: string, parts: Iterator<string>, over: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const pacer = new Pacer()
  let text = head
  const fill = async (): Promise<boolean> => {
    while (text.length < CHUNK_CHARACTERS) {
      const { done, value } = parts.next()
      if (done === true) return true
      text += value
      if (pacer.isDue) await pacer.rest()
    }
    return false
  }
  return new ReadableStream({
    cancel: over,
    async pull(controller) {
      try {
        const isAll = await fill()
        controller.enqueue(encoder.encode(text))
        text = ''
        if (!isAll) return
        controller.close()
      } catch (error) {
        controller.error(error)
      }
      over()
    },
  })
}

/** The same text as `jsonText` makes, one thing of each list after the other. */
function* textsOf(object: object, columns: Columns): Generator<string, void> {
  let comma = ''
  yield '{'
  for (const [name, value] of Object.entries(object)) {
    const wanted = wantedOf(name, columns)
    if (value === undefined || wanted === 'nothing') continue
    yield `${comma}${JSON.stringify(name)}:`
    comma = ','
    if (isList(value)) yield* textsOfList(value, wanted)
    else yield jsonText(pick(value, wanted))
  }
  yield '}'
}

function isList(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}

function* textsOfList(list: Iterable<unknown>, columns: Columns): Iterable<string> {
  let comma = ''
  yield '['
  for (const one of list) {
    yield `${comma}${jsonText(pick(one, columns))}`
    comma = ','
  }
  yield ']'
}

/** What is shown of each, made when it is its turn. */
export function* each<T>(all: Iterable<T>, shown: (one: T) => object): Iterable<object> {
  for (const one of all) yield shown(one)
}
