/** What the system says when it cannot write, by what can be done about it. Nothing was promised yet when that happens. */
const ROOM_ERRORS: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])
const OTHER_PASSING_ERRORS: ReadonlySet<string> = new Set(['EROFS', 'EMFILE', 'ENFILE'])

/** It goes away when somebody makes room. */
export function isForRoom(error: unknown): boolean {
  return ROOM_ERRORS.has(codeOf(error))
}

/** It goes away when somebody makes room, remounts the disk or closes files. */
export function isPassing(error: unknown): boolean {
  return isForRoom(error) || OTHER_PASSING_ERRORS.has(codeOf(error))
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
