/**
 * An object with very long lists in it: arrays, or what gives its things one by one. As one text it would be made in one turn; as a
 * stream, others are served meanwhile.
 */
import { Pacer } from '../lib/pacer.ts'
import { jsonText } from './json.ts'

const CHUNK_CHARACTERS = 32 * 1024

export function longObject(object: object): Response {
  const parts = textsOf(object)
  const encoder = new TextEncoder()
  const pacer = new Pacer()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      let text = ''
      while (text.length < CHUNK_CHARACTERS) {
        const { done, value } = parts.next()
        if (done === true) {
          controller.enqueue(encoder.encode(text))
          controller.close()
          return
        }
        text += value
        if (pacer.isDue) await pacer.rest()
      }
      controller.enqueue(encoder.encode(text))
    },
  })
  return new Response(body, { headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' } })
}

/** The same text as `jsonText` makes, one thing of each list after the other. */
function* textsOf(object: object): Generator<string, void> {
  let comma = ''
  yield '{'
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue
    yield `${comma}${JSON.stringify(name)}:`
    comma = ','
    if (isList(value)) yield* textsOfList(value)
    else yield jsonText(value)
  }
  yield '}'
}

function isList(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}

function* textsOfList(list: Iterable<unknown>): Iterable<string> {
  let comma = ''
  yield '['
  for (const one of list) {
    yield `${comma}${jsonText(one)}`
    comma = ','
  }
  yield ']'
}
