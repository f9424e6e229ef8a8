/** Why the system refused to open the store, in words of somebody who can do something about it. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there; change the rights, or choose another --data-dir',
  EPERM: 'this user may not write there; change the rights, or choose another --data-dir',
  EROFS: 'the disk is read-only; make it writable, or choose another --data-dir',
  ENOSPC: 'the disk is full; make room, or choose another --data-dir',
  EDQUOT: 'the disk quota is used up; make room, or choose another --data-dir',
  ENOTDIR: 'that is not a folder; choose another --data-dir',
  EEXIST: 'that is not a folder; choose another --data-dir',
}

/** What keeps the broker from opening its store. */
export function storeFailure(error: unknown, folder: string): string {
  if (!(error instanceof Error)) return `cannot open the store in ${folder}: ${String(error)}`
  const reason = 'code' in error ? REASONS[String(error.code)] : undefined
  // A sentence of ours has a technical cause; of LevelDB's errors, the cause is what says something.
  const isOurs = error.name === 'DataFolderError'
  const detail = !isOurs && error.cause instanceof Error ? error.cause.message : error.message
  return isOurs ? detail : `cannot open the store in ${folder}: ${reason ?? detail}`
}
