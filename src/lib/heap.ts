/** V8's heap and the memory that its objects have beside it. None of this opens a file: it works without descriptors, too. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export interface HeapFigures {
  /** Bytes of objects, garbage included. */
  readonly usedBytes: number
  /** V8 ends the process when the heap needs more than this. */
  readonly limitBytes: number
  /** Bytes of buffers and the like, garbage included. */
  readonly externalBytes: number
}

export function heapFigures(): HeapFigures {
  // V8 frees buffers beside the program, and counts them as freed when the next one is made.
  new ArrayBuffer(8)
  const { used_heap_size, heap_size_limit, external_memory } = getHeapStatistics()
  return { usedBytes: used_heap_size, limitBytes: heap_size_limit, externalBytes: external_memory }
}

let collect: (() => void) | undefined

/** Collects all garbage, now: the larger the heap, the longer it takes. */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void // the flag has just put it there
  }
  collect()
}
