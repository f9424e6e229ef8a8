/** What the process has of memory. Without free descriptors the figures are there, too, only less exactly. */
import { getHeapStatistics } from 'node:v8'

export interface MemoryFigures {
  /** Bytes of objects on V8's heap, garbage included. */
  readonly heapUsedBytes: number
  /** Bytes of memory that V8 has for objects, in use or not. */
  readonly heapReservedBytes: number
  /** Bytes of buffers, garbage included. */
  readonly bufferBytes: number
  /** Bytes of memory that the system has given for all of this and for everything else; undefined when it does not say. */
  readonly residentBytes: number | undefined
}

/** Bytes of objects on V8's heap, garbage included. Opens no file, as the other figures do. */
export function heapUsedBytes(): number {
  return getHeapStatistics().used_heap_size
}

export function memoryFigures(): MemoryFigures {
  const { used_heap_size, total_heap_size } = getHeapStatistics()
  return {
    heapUsedBytes: used_heap_size,
    heapReservedBytes: total_heap_size,
    ...bufferFigures(),
  }
}

function bufferFigures(): Pick<MemoryFigures, 'bufferBytes' | 'residentBytes'> {
  try {
    const { arrayBuffers, rss } = process.memoryUsage()
    return { bufferBytes: arrayBuffers, residentBytes: rss }
  } catch {
    // The call opens a file, and there may be no descriptor left. V8's own figure falls behind when buffers are freed: it
    // follows when the next one is made, or later.
    new ArrayBuffer(8)
    return { bufferBytes: getHeapStatistics().external_memory, residentBytes: undefined }
  }
}
