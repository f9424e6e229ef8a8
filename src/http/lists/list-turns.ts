/**
 * How many lists are looked through at a time, and how many long ones are being sent: a list has a row for each of what may be very many
 * objects, until its client has read it.
 */
import { ApiError } from '../api-error.ts'
import { Line } from '../line.ts'
import { KeptOrders } from './kept-orders.ts'

const AT_ONCE = 8
const LONG_ROWS = 1000
const LONG_AT_ONCE = 64

export class ListTurns {
  readonly orders = new KeptOrders()
  readonly #line = new Line(AT_ONCE, Number.POSITIVE_INFINITY)
  #longCount = 0

  /** Does the work once fewer lists are looked through. Throws ApiError for a client that has gone by then. */
  async take<T>(work: () => Promise<T>, gone?: AbortSignal): Promise<T> {
    const leave = await this.#line.enter(gone)
    if (leave === undefined) throw new ApiError(503, 'service_unavailable', 'The client has gone')
    try {
      return await work()
    } finally {
      leave()
    }
  }

  /** A list with so many rows is sent from now on; returns what is to be called at its end. Throws ApiError. */
  sending(rows: number): () => void {
    if (rows <= LONG_ROWS) return () => {}
    if (this.#longCount >= LONG_AT_ONCE) {
      throw new ApiError(503, 'service_unavailable', 'Too many long lists are being sent: ask for pages')
    }
    this.#longCount++
    let isOver = false
    return () => {
      if (!isOver) this.#longCount--
      isOver = true
    }
  }
}
