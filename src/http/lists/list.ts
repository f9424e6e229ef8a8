/**
 * Lists: rows are looked through, filtered, sorted and written turn by turn, so that others are served meanwhile, however many rows
 * there are. A row is what an object is known by; the object itself is made when it is sorted by or written.
 */
import { jsonText } from '../../lib/exact-json.ts'
import { Pacer } from '../../lib/pacer.ts'
import type { Call } from '../call.ts'
import { columnsOf, partAt, pick } from './columns.ts'
import { FirstRows } from './first-rows.ts'
import { type NamedParts, namedOrder } from './named-order.ts'
import { type PageRequest, pageAround, pageRequest } from './pages.ts'
import { compareValues } from './sort.ts'

/** How single columns are read off a row, by their names: the same values as in the object. */
export type KnownColumns<Row> = Readonly<Record<string, (row: Row) => number | string>>

export interface ListSource<Row> {
  /** Undefined stands for something that was looked at and has no row: many of those may follow each other. */
  rows(): Iterable<Row | undefined>
  /** What `name=` looks at. */
  name(row: Row): string
  /** Undefined when it is gone by now. */
  object(row: Row): object | undefined
  /** How RabbitMQ sorts when it is not told, and what is alike otherwise; without it, in the order of the rows. */
  compare?(a: Row, b: Row): number
  /** The same rows by their names, for lists that may be very long, if they are sorted by their parts and names. */
  readonly named?: NamedParts<Row>
  /** What is known without making the object. */
  readonly columns?: KnownColumns<Row>
  /** RabbitMQ gives some lists only as a whole. */
  readonly isWhole?: boolean
}

/** A row, and what the request wants it to be sorted by. */
interface Keyed<Row> {
  readonly row: Row
  readonly sort: unknown
}

/** Up to here, the first rows of a list are found without sorting all. */
const FIRST_ROWS_MAX = 1000

/** Bytes of JSON that are handed over at a time. */
const CHUNK_CHARACTERS = 32 * 1024

export async function list<Row>(call: Call, source: ListSource<Row>): Promise<Response> {
  return await call.listTurns.take(() => listInTurn(call, source), call.gone)
}

async function listInTurn<Row>(call: Call, source: ListSource<Row>): Promise<Response> {
  const page = source.isWhole === true ? undefined : pageRequest(call.query)
  const { named } = source
  const isLong = page === undefined || page.page * page.pageSize > FIRST_ROWS_MAX
  const { total, count, rows } =
    named !== undefined && isLong ? await byNames(call, source, named, page) : await byRows(call, source, page)
  if (page === undefined) return written('[', () => ']', rows(0, count), call)
  const { start, end, fields } = pageAround(page, total, count)
  // Some of the rows may be gone by the time they are written.
  const tail = (itemCount: number): string => `],${jsonText({ item_count: itemCount, ...fields }).slice(1)}`
  return written('{"items":[', tail, rows(start, end), call)
}

/** What there is, what of it is wanted, and that in order: of a page, what is behind its end may be missing. */
interface Found {
  readonly total: number
  readonly count: number
  /** A part of it. It holds no other rows: a client may take long to read it. */
  rows(start: number, end: number): Rows
}

interface Rows {
  readonly count: number
  /** Undefined when it is gone by now. */
  object(at: number): object | undefined
}

/** Pages far behind have to have all rows sorted, and are asked for one after the other. */
async function byNames<Row>(
  call: Call,
  source: ListSource<Row>,
  { key: partsKey, parts, object }: NamedParts<Row>,
  page: PageRequest | undefined,
): Promise<Found> {
  const { query, listTurns } = call
  const key = sortKey(query, source)
  const asked = {
    name: source.name,
    isWanted: page?.isWanted ?? ((): boolean => true),
    key: key?.of,
    isReversed: isReversed(query),
    isSlow: page?.isSlow === true || key?.isSlow === true,
  }
  const make = () => namedOrder(parts, asked, new Pacer())
  const order = page === undefined ? await make() : await listTurns.orders.order(orderKey(call, partsKey), make)
  const { names, parts: partOf, total } = order
  const rows = (start: number, end: number): Rows =>
    namedRows(names.slice(start, end), partOf.slice(start, end), object)
  return { total, count: names.length, rows }
}

/** Made outside: within, it would hold on to all that is there. */
function namedRows(names: readonly string[], parts: Uint32Array, object: NamedParts<never>['object']): Rows {
  return { count: names.length, object: (at) => object(parts[at] as number, names[at] as string) }
}

const NOT_OF_ORDER = new Set(['page', 'page_size', 'columns'])

function orderKey({ path, query }: Call, parts: string): string {
  return JSON.stringify([path, parts, [...query].filter(([name]) => !NOT_OF_ORDER.has(name))])
}

async function byRows<Row>(call: Call, source: ListSource<Row>, page: PageRequest | undefined): Promise<Found> {
  const { query } = call
  const pacer = new Pacer()
  const compare = comparison(query, source)
  const key = sortKey(query, source)
  const isSorted = key !== undefined || source.compare !== undefined || isReversed(query)
  // A pattern may take long for one name, and so may an object that is made to be sorted.
  const isSlow = page?.isSlow === true || key?.isSlow === true
  const rows = new FirstRows<Keyed<Row>>(
    isSorted && page !== undefined ? page.page * page.pageSize : undefined,
    compare,
    pacer,
  )
  let [total, count] = [0, 0]
  for (const row of source.rows()) {
    if (isSlow ? pacer.isLate : pacer.isDue) await pacer.rest()
    if (row === undefined) continue
    total++
    if (page?.isWanted(source.name(row)) === false) continue
    count++
    if (rows.add({ row, sort: key?.of(row) })) await rows.cut()
  }
  const found = isSorted ? await rows.sorted() : rows.gathered
  return { total, count, rows: (start, end) => keyedRows(found.slice(start, end), source) }
}

/** Made outside, as `namedRows`. */
function keyedRows<Row>(rows: readonly Keyed<Row>[], source: ListSource<Row>): Rows {
  return { count: rows.length, object: (at) => source.object((rows[at] as Keyed<Row>).row) }
}

interface SortKey<Row> {
  readonly of: (row: Row) => unknown
  /** The whole object is made for it. */
  readonly isSlow: boolean
}

/** Undefined when the request wants nothing to be sorted by. */
function sortKey<Row>(query: URLSearchParams, source: ListSource<Row>): SortKey<Row> | undefined {
  const text = query.get('sort')
  if (text === null || text === '') return undefined
  const { columns = {} } = source
  const known = Object.hasOwn(columns, text) ? columns[text] : undefined
  if (known !== undefined) return { of: known, isSlow: false }
  const path = text.split('.')
  return { of: (row) => partAt(source.object(row), path), isSlow: true }
}

function comparison<Row>(query: URLSearchParams, source: ListSource<Row>): (a: Keyed<Row>, b: Keyed<Row>) => number {
  const direction = isReversed(query) ? -1 : 1
  return (a, b) => {
    const difference = compareValues(a.sort, b.sort)
    return direction * (difference !== 0 ? difference : (source.compare?.(a.row, b.row) ?? 0))
  }
}

function isReversed(query: URLSearchParams): boolean {
  return query.get('sort_reverse') === 'true'
}

/** As a stream: what the client does not take is not made. The tail is told how many there were. */
function written(head: string, tail: (count: number) => string, rows: Rows, call: Call): Response {
  const end = call.listTurns.sending(rows.count)
  const columns = columnsOf(call.query)
  const encoder = new TextEncoder()
  const pacer = new Pacer()
  let next = 0
  let count = 0
  const body = new ReadableStream<Uint8Array>({
    cancel: end,
    async pull(controller) {
      let text = next === 0 ? head : ''
      while (next < rows.count && text.length < CHUNK_CHARACTERS) {
        const object = made(rows, next++, end)
        if (pacer.isDue) await pacer.rest()
        if (object === undefined) continue
        text += `${count === 0 ? '' : ','}${jsonText(pick(object, columns))}`
        count++
      }
      if (next < rows.count) {
        controller.enqueue(encoder.encode(text))
        return
      }
      controller.enqueue(encoder.encode(`${text}${tail(count)}`))
      controller.close()
      end()
    },
  })
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  return new Response(body, { headers })
}

/** A defect ends the list. */
function made(rows: Rows, at: number, end: () => void): object | undefined {
  try {
    return rows.object(at)
  } catch (error) {
    end()
    throw error
  }
}

/** Of what there is little of, made already. */
export function listOf<T extends object>(
  call: Call,
  objects: Iterable<T>,
  name: (object: T) => string,
): Promise<Response> {
  return list(call, { rows: () => objects, name, object: (row) => row })
}
