import { resolve } from 'node:path'

/** Why the system refused to open the store, and what the operator can do about it. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'that is not a folder',
  EEXIST: 'that is not a folder',
  // What Node.js says when a folder and the one below it are to be made on a disk that is read-only.
  ENOENT: 'it cannot be made there, perhaps because the disk is read-only',
}

/** LevelDB has no codes for these, only the system's words. */
const WORDS: Readonly<Record<string, string>> = {
  'Permission denied': 'EACCES',
  'Operation not permitted': 'EPERM',
  'Read-only file system': 'EROFS',
  'No space left on device': 'ENOSPC',
  'Disk quota exceeded': 'EDQUOT',
}

const WAYS_OUT = '--data-dir chooses another folder, --storage memory runs without disk'

/** What keeps the broker from opening its store. */
export function storeFailure(error: unknown, dataDir: string): string {
  const folder = resolve(dataDir)
  if (!(error instanceof Error)) return `cannot open the store in ${folder}: ${String(error)}`
  // A sentence of ours has a technical cause; of LevelDB's errors, the cause is what says something.
  if (error.name === 'DataFolderError') return `${error.message}; ${WAYS_OUT}`
  const detail = error.cause instanceof Error ? error.cause.message : error.message
  const reason = REASONS[codeOf(error, detail)]
  return `cannot open the store in ${folder}: ${reason === undefined ? detail : `${reason}; ${WAYS_OUT}`}`
}

/** What keeps a command from its work on a store: everything that the error and what caused it say, and what that means. */
export function commandFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'DataFolderError') return error.message
  const detail = error.cause instanceof Error ? error.cause.message : error.message
  const text = detail === error.message ? detail : `${error.message}: ${detail}`
  const code = codeOf(error, detail)
  return Object.values(WORDS).includes(code) ? `${text}: ${REASONS[code]}` : text
}

/** The code of the error or of what caused it, or the one that the system's words stand for. */
function codeOf(error: Error, detail: string): string {
  const codes: string[] = []
  for (let at: unknown = error; at instanceof Error; at = at.cause) if ('code' in at) codes.push(String(at.code))
  const spoken = Object.entries(WORDS).find(([words]) => detail.endsWith(words))
  return codes.find((code) => code in REASONS) ?? spoken?.[1] ?? ''
}
