/**
 * Lists: rows are looked through, filtered, sorted and written turn by turn, so that others are served meanwhile, however many rows
 * there are. A row is what an object is known by; the object itself is made when it is sorted by or written.
 */
import { Pacer } from '../../lib/pacer.ts'
import type { Call } from '../call.ts'
import { jsonText } from '../json.ts'
import { columnsOf, partAt, pick } from './columns.ts'
import { pageAround, pageRequest } from './pages.ts'
import { compareValues, sortInTurns } from './sort.ts'

export interface ListSource<Row> {
  rows(): Iterable<Row>
  /** What `name=` looks at. */
  name(row: Row): string
  /** Undefined when it is gone by now. */
  object(row: Row): object | undefined
  /** What RabbitMQ sorts by when it is not told; the order of the rows without it. */
  key?(row: Row): string
  /** The value of a column that is known without making the object; undefined for all others. */
  column?(row: Row, name: string): number | undefined
  /** RabbitMQ gives some lists only as a whole. */
  readonly isWhole?: boolean
}

interface Keyed<Row> {
  readonly row: Row
  readonly sort: unknown
  readonly key: string
}

/** Bytes of JSON that are handed over at a time. */
const CHUNK_CHARACTERS = 64 * 1024

export async function list<Row>(call: Call, source: ListSource<Row>): Promise<Response> {
  const { query } = call
  const page = source.isWhole === true ? undefined : pageRequest(query)
  const path = sortPath(query)
  const pacer = new Pacer()
  let total = 0
  let rows: Keyed<Row>[] = []
  for (const row of source.rows()) {
    total++
    // A pattern may take long for one name.
    if (page === undefined ? pacer.isDue : pacer.isLate) await pacer.rest()
    if (page?.isWanted(source.name(row)) === false) continue
    const sort = path === undefined ? undefined : sortValue(source, row, path)
    rows.push({ row, sort, key: source.key?.(row) ?? '' })
  }
  const direction = query.get('sort_reverse') === 'true' ? -1 : 1
  if (path !== undefined || source.key !== undefined || direction === -1) {
    rows = await sortInTurns(rows, (a, b) => direction * order(a, b), pacer)
  }
  if (page === undefined) return written('[', ']', rows, call, source)
  const { start, itemCount, fields } = pageAround(page, total, rows.length)
  const head = `${jsonText(fields).slice(0, -1)},"items":[`
  return written(head, ']}', rows.slice(start, start + itemCount), call, source)
}

function sortValue<Row>(source: ListSource<Row>, row: Row, path: readonly string[]): unknown {
  const [name] = path
  const known = path.length === 1 && name !== undefined ? source.column?.(row, name) : undefined
  return known ?? partAt(source.object(row), path)
}

function order<Row>(a: Keyed<Row>, b: Keyed<Row>): number {
  const difference = compareValues(a.sort, b.sort)
  if (difference !== 0) return difference
  return a.key === b.key ? 0 : a.key < b.key ? -1 : 1
}

function sortPath(query: URLSearchParams): readonly string[] | undefined {
  const text = query.get('sort')
  return text === null || text === '' ? undefined : text.split('.')
}

/** As a stream: what the client does not take is not made. */
function written<Row>(
  head: string,
  tail: string,
  rows: readonly Keyed<Row>[],
  call: Call,
  source: ListSource<Row>,
): Response {
  const columns = columnsOf(call.query)
  const encoder = new TextEncoder()
  const pacer = new Pacer()
  let next = 0
  let isFirst = true
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      let text = next === 0 ? head : ''
      while (next < rows.length && text.length < CHUNK_CHARACTERS) {
        const object = source.object((rows[next++] as Keyed<Row>).row)
        if (pacer.isDue) await pacer.rest()
        if (object === undefined) continue
        text += `${isFirst ? '' : ','}${jsonText(pick(object, columns))}`
        isFirst = false
      }
      if (next < rows.length) {
        controller.enqueue(encoder.encode(text))
        return
      }
      controller.enqueue(encoder.encode(`${text}${tail}`))
      controller.close()
    },
  })
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  return new Response(body, { headers })
}

/** Of what there is little of, made already. */
export function listOf<T extends object>(
  call: Call,
  objects: Iterable<T>,
  name: (object: T) => string,
): Promise<Response> {
  return list(call, { rows: () => objects, name, object: (row) => row })
}
