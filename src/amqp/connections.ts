/** The AMQP connections of a server: looks after all of them together, their clock, their end, their alarms. */
import type { Arrival } from '../listeners/arrival.ts'
import { Connection } from './connection.ts'
import type { AmqpContext } from './context.ts'
import { UnsentMemory } from './unsent-memory.ts'

/** Heartbeats of one second need a look every half second. */
const TICK_MS = 500
/** So many connections are looked at in one turn of the event loop. */
const TICKED_PER_TURN = 200

export class AmqpConnections {
  readonly #context: AmqpContext
  readonly #now: () => number
  readonly #connections = new Set<Connection>()
  readonly #unsubscribe: readonly (() => void)[]
  #timer: NodeJS.Timeout | undefined
  /** The connections that this half second's look has not come to yet. */
  #ticking: Iterator<Connection> | undefined
  #nextId = 1
  /** Told of every connection that has gone. */
  readonly #goneListeners = new Set<(connection: Connection) => void>()

  constructor(context: AmqpContext, now: () => number) {
    this.#context = context
    this.#now = now
    const { memory, loadAlarm } = context.broker
    const memoryChanged = (isActive: boolean): void => {
      if (!isActive) this.#each((connection) => connection.intake.unblock('memory'))
      else if (memory.isForced) this.#each((connection) => connection.intake.tellBlocked('memory'))
    }
    const loadChanged = (isActive: boolean): void => {
      if (!isActive) this.#each((connection) => connection.intake.unblock('cpu'))
    }
    const pacingChanged = (isPacing: boolean): void => {
      if (!isPacing) this.#each((connection) => connection.reading.resume('pace'))
    }
    this.#unsubscribe = [
      memory.onChange(memoryChanged),
      memory.pacing.onChange(pacingChanged),
      loadAlarm.onChange(loadChanged),
    ]
  }

  /** The journal keeps up again: publishers that had to wait for the disk go on. */
  resumePublishers(): void {
    this.#each((connection) => connection.intake.unblock('disk'))
  }

  /** The disk is in trouble: publishers that wait because it was slow will wait longer, and are told. */
  diskFailed(): void {
    this.#each((connection) => connection.intake.diskFailed())
  }

  /**
   * Frees memory when it is unfinished frames and messages and open transactions that keep the alarm up: their clients have
   * to wait, so they never end by themselves. Those that hold most are closed with 506.
   */
  relieveMemory(): void {
    const { memory } = this.#context.broker
    let excessBytes = memory.excessBytes
    let bytesOfClients = 0
    const holders: Connection[] = []
    for (const connection of this.#connections) {
      const { phase, intake } = connection
      if (phase === 'stopped' || phase === 'closing' || phase === 'closed') excessBytes -= intake.bytesOfClient
      if (phase !== 'open' || intake.bytesOfClient === 0) continue
      holders.push(connection)
      bytesOfClients += intake.bytesOfClient
    }
    if (bytesOfClients < excessBytes) return
    holders.sort((a, b) => b.intake.bytesOfClient - a.intake.bytesOfClient)
    for (const connection of holders) {
      if (excessBytes <= 0) return
      excessBytes -= connection.intake.bytesOfClient
      connection.sacrifice()
    }
  }

  /** Bytes of memory of answers and deliveries that clients have not taken yet, or that wait for the disk. */
  get unsentBytes(): number {
    const memory = new UnsentMemory()
    for (const { outbox, answers } of this.#connections) {
      outbox.countMemory(memory)
      answers.countMemory(memory)
    }
    return memory.bytes
  }

  /** Closes every connection with 320 and waits for them to go; after the grace period they are cut off. */
  async closeConnections(reason: string, graceMs: number): Promise<void> {
    const leaving = new Set(this.#connections)
    this.#each((connection) => connection.force(reason))
    const timer = setTimeout(() => {
      for (const connection of leaving) connection.destroy()
    }, graceMs)
    await this.#whenGone(leaving)
    clearTimeout(timer)
  }

  /** Cuts every connection off without a word, and waits for them to go. */
  async dropConnections(): Promise<void> {
    const leaving = new Set(this.#connections)
    for (const connection of leaving) connection.destroy()
    await this.#whenGone(leaving)
  }

  /** Looks after the alarms no longer. */
  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
  }

  /** A client has come in. */
  accept(arrival: Arrival): void {
    const connection = new Connection(this.#nextId++, arrival, this.#context, this.#now(), (closed) => {
      this.#closed(closed)
      arrival.gone()
    })
    this.#connections.add(connection)
    this.#context.broker.clients.add(connection)
    this.#timer ??= setInterval(this.#tick, TICK_MS)
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection)
    for (const listener of this.#goneListeners) listener(connection)
    this.#context.broker.clients.remove(connection)
    if (this.#connections.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Takes those that have gone out of the set, and resolves when it is empty. */
  #whenGone(leaving: Set<Connection>): Promise<void> {
    for (const connection of leaving) if (!this.#connections.has(connection)) leaving.delete(connection)
    if (leaving.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const gone = (connection: Connection): void => {
        if (!leaving.delete(connection) || leaving.size > 0) return
        this.#goneListeners.delete(gone)
        resolve()
      }
      this.#goneListeners.add(gone)
    })
  }

  /** Those that come or go meanwhile are looked at, or not. */
  readonly #tick = (): void => {
    if (this.#ticking !== undefined) return
    this.#ticking = this.#connections.values()
    this.#tickSome()
  }

  readonly #tickSome = (): void => {
    const nowMs = this.#now()
    for (let left = TICKED_PER_TURN; left > 0; left--) {
      const next = this.#ticking?.next()
      if (next === undefined || next.done === true) {
        this.#ticking = undefined
        return
      }
      actOn(next.value, (connection) => connection.tick(nowMs))
    }
    setImmediate(this.#tickSome)
  }

  #each(act: (connection: Connection) => void): void {
    for (const connection of this.#connections) actOn(connection, act)
  }
}

/** An error ends the connection that it concerns, and no other. */
function actOn(connection: Connection, act: (connection: Connection) => void): void {
  try {
    act(connection)
  } catch (error) {
    connection.broken(error)
  }
}
