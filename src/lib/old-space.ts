/** How much room V8 has for objects that stay. */
import { getHeapStatistics } from 'node:v8'
import { resourceLimits } from 'node:worker_threads'
import { nodeFlags } from './node-flags.ts'

/** V8's limit is one for old and new objects together. Of that it gives new ones at most so much, unless it is told to. */
const NEW_BYTES_MAX = 192 * 1024 * 1024
const OLD_SPACE_FLAG = /--max[-_]old[-_]space[-_]size[= ](\d+)/g

/**
 * V8 ends the process when objects that stay need more than this, however much the heap has left for new ones: on Node.js 24
 * that is four times as much as on 22. V8 tells only the sum, so the rest is known from what it was told, or estimated.
 */
export function oldSpaceBytes(
  heapLimitBytes: number = getHeapStatistics().heap_size_limit,
  flags: string = nodeFlags(),
  workerMb: number | undefined = resourceLimits.maxOldGenerationSizeMb,
): number {
  const flagMb = [...flags.matchAll(OLD_SPACE_FLAG)].at(-1)?.[1]
  const toldMb = workerMb ?? Number(flagMb ?? 0)
  if (toldMb > 0) return Math.min(toldMb * 1024 * 1024, heapLimitBytes)
  return Math.max(heapLimitBytes - NEW_BYTES_MAX, heapLimitBytes / 2)
}
