/** What the system says when it cannot write, by what can be done about it. Nothing was promised yet when that happens. */
const ROOM_ERRORS: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])
const OTHER_PASSING_ERRORS: ReadonlySet<string> = new Set(['EROFS', 'EMFILE', 'ENFILE'])

/** It goes away when there is room again. */
export function isForRoom(error: unknown): boolean {
  return ROOM_ERRORS.has(codeOf(error))
}

/** It goes away when there is room again, the disk is remounted, files are closed or put back. */
export function isPassing(error: unknown): boolean {
  return isForRoom(error) || OTHER_PASSING_ERRORS.has(codeOf(error)) || error instanceof DisplacedError
}

/** A file that is written to is not where its name leads any more: what is written to it is gone after a restart. */
export class DisplacedError extends Error {
  constructor(place: string) {
    super(`${place} was removed or replaced`)
    this.name = 'DisplacedError'
  }
}

/** What the operator can do about an error that goes away. */
export function remedyFor(error: unknown): string {
  return error instanceof DisplacedError
    ? 'put it back, or start the broker again'
    : 'make room on the disk or make it writable'
}

/** The path leads to nothing. */
export function isNowhere(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
