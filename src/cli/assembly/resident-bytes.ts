/** Messages may take this share of the memory limit, and at most so much, before what is safe on the disk leaves memory. */
const RESIDENT_SHARE = 0.3
const RESIDENT_BYTES_MAX = 128 * 1024 * 1024

export function residentBytes(memoryLimitBytes: number): number {
  return Math.min(Math.floor(memoryLimitBytes * RESIDENT_SHARE), RESIDENT_BYTES_MAX)
}
