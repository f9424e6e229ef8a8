/** What the system, or Node.js, has run out of for the moment: descriptors, memory, buffers. */
const CODES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'ERR_MEMORY_ALLOCATION_FAILED'])

/** Whether an error says nothing of the program that met it, and goes away by itself. */
export function isScarcity(error: unknown): boolean {
  return error instanceof Error && 'code' in error && CODES.has(String(error.code))
}
