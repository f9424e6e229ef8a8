/**
 * Looks at the memory of the process now and then, more often while the alarm is on, gives back what is free when it is
 * needed, and logs the alarm.
 */
import type { StorageMemory } from '../../storage/storage-memory.ts'
import type { MemoryAlarm } from '../broker/memory/memory-alarm.ts'
import type { BodyPool } from '../lib/body-pool.ts'
import { guarded } from '../lib/guarded.ts'
import type { Logger } from '../lib/logger.ts'
import type { MemoryFigures } from '../lib/memory-figures.ts'
import type { RareLines } from '../lib/rare-lines.ts'
import type { GarbageWatch } from './garbage-watch.ts'

const SAMPLE_MS = 1000
/** While publishers wait, or soon will, memory is looked at more often, so that they go on as soon as they can. */
const ALARM_SAMPLE_MS = 50
/** For so many looks, those that publish much wait in front of the limit. */
const PACING_LOOKS = 4
/** Of each kind, within ten seconds: the alarm may come and go. */
const LINES_MAX = 5

/** What Node.js and the code take by themselves, at least. */
const PROGRAM_BYTES = 50 * 1024 * 1024
/**
 * That and what V8 keeps for new objects count up to these shares of the limit: nothing that clients do makes it less, and
 * under a small limit messages must have room.
 */
const PROGRAM_SHARE_MAX = 0.2
const HEAP_ROOM_SHARE_MAX = 0.1

/** What the process takes beside its buffers. `untouchedBytes` of these have no memory behind them yet. */
export function programBytes(limitBytes: number, figures: MemoryFigures, untouchedBytes: number): number {
  const { heapUsedBytes, heapReservedBytes, bufferBytes, residentBytes = 0 } = figures
  const restBytes = Math.max(PROGRAM_BYTES, residentBytes - heapReservedBytes - (bufferBytes - untouchedBytes))
  const heapRoomBytes = heapReservedBytes - heapUsedBytes
  return (
    heapUsedBytes +
    Math.min(restBytes, limitBytes * PROGRAM_SHARE_MAX) +
    Math.min(heapRoomBytes, limitBytes * HEAP_ROOM_SHARE_MAX)
  )
}

/**
 * Bytes of buffers that are not among the known ones: garbage, and what others in the process have. `untouchedBytes` of the
 * known ones have no memory behind them yet. Others may have such, too: there is no more of all than the system has given.
 */
export function strayBytes(figures: MemoryFigures, knownBytes: number, untouchedBytes: number): number {
  const { heapReservedBytes, bufferBytes, residentBytes = Number.POSITIVE_INFINITY } = figures
  const givenBytes = residentBytes - heapReservedBytes - (knownBytes - untouchedBytes)
  return Math.max(0, Math.min(bufferBytes - knownBytes, givenBytes))
}

export interface MemoryWatchParts {
  readonly memory: MemoryAlarm
  readonly storage: StorageMemory | undefined
  readonly bodies: BodyPool
  readonly garbage: GarbageWatch
  readonly logger: Logger
  readonly rareLines: RareLines
  /** Frees what only this process can free; called while the alarm is on. */
  readonly relieve: () => void
}

/** What a server leaves behind at its end is worth a collection when it is so much. */
const GIVEN_BACK_BYTES_MIN = 64 * 1024 * 1024

export class MemoryWatch {
  readonly #parts: MemoryWatchParts
  #timer: NodeJS.Timeout | undefined
  #alarmTimer: NodeJS.Timeout | undefined

  constructor(parts: MemoryWatchParts) {
    this.#parts = parts
    parts.memory.onChange((isActive) => this.#alarmChanged(isActive))
    parts.memory.near.onChange((isNear) => this.#nearChanged(isNear))
  }

  start(): void {
    const look = this.#guarded(() => this.#look())
    // The storage is to know at once what room there is: many queues can grow within the first second.
    look()
    this.#timer = setInterval(look, SAMPLE_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    clearInterval(this.#alarmTimer)
  }

  /** At the end, when nothing is in it any more: the program may go on, and keep the server. */
  giveBack(): void {
    const { storage, garbage } = this.#parts
    const bytes = storage?.freeBytes ?? 0
    storage?.release(Number.POSITIVE_INFINITY)
    if (bytes >= GIVEN_BACK_BYTES_MIN) garbage.collectSoon()
  }

  /** Keeps to the limit with all that the process has: what is free and what is garbage, too. */
  #look(): void {
    const { memory, storage, bodies, garbage } = this.#parts
    memory.sample()
    const freeBytes = bodies.freeBytes + (storage?.freeBytes ?? 0)
    const excess = memory.usedBytes + garbage.garbageBytes + freeBytes - memory.limitBytes
    if (excess > 0) {
      bodies.clear()
      storage?.release(excess)
    }
    storage?.setRoom(memory.limitBytes - memory.usedBytes)
    garbage.look(memory.isActive || excess > 0)
  }

  #alarmChanged(isActive: boolean): void {
    const { rareLines, memory } = this.#parts
    const { usedBytes, limitBytes, heapBytes } = memory
    if (!isActive) {
      const text = 'memory is below its limit again: publishers go on'
      rareLines.log('info', { usedBytes, limitBytes, heapBytes }, text, text, LINES_MAX)
      return
    }
    const text = 'memory is over its limit: publishers wait, consumers go on'
    rareLines.log('warn', { usedBytes, limitBytes, heapBytes }, text, text, LINES_MAX)
  }

  #nearChanged(isNear: boolean): void {
    const { memory, relieve } = this.#parts
    clearInterval(this.#alarmTimer)
    memory.pacing.set(isNear)
    if (!isNear) return
    let looksLeft = PACING_LOOKS
    const look = (): void => {
      this.#look()
      // Nothing has made room meanwhile: then the alarm is due.
      if (--looksLeft <= 0) memory.pacing.set(false)
      if (memory.isActive) relieve()
    }
    this.#alarmTimer = setInterval(this.#guarded(look), ALARM_SAMPLE_MS)
    this.#alarmTimer.unref()
  }

  #guarded(look: () => void): () => void {
    return guarded(look, (error) => this.#parts.rareLines.log('error', { err: error }, 'memory could not be looked at'))
  }
}
