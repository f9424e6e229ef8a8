/** What the system says of a place on the disk that cannot be read any more. */
const DAMAGE_CODES: ReadonlySet<string> = new Set(['EIO', 'EBADMSG', 'EUCLEAN', 'ENOENT', 'LEVEL_CORRUPTION'])
/** LevelDB repeats it in words; a table of it may be gone, too. */
const DAMAGE_WORDS = /input\/output error|i\/o error|structure needs cleaning|bad message|no such file/i

/** Whether bytes are not there, or cannot be read where they are: only they are lost then. Other errors concern all. */
export function isDamage(error: unknown): boolean {
  if (error instanceof RangeError) return true
  if (!(error instanceof Error) || !('code' in error)) return false
  const code = String(error.code)
  return DAMAGE_CODES.has(code) || (code === 'LEVEL_IO_ERROR' && DAMAGE_WORDS.test(error.message))
}
