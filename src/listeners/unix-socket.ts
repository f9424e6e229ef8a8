/** The file of a Unix socket: who may connect, and what an earlier process has left behind. */
import { chmodSync, lstatSync, statSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { isMainThread } from 'node:worker_threads'

/**
 * Makes room for a socket at this path. A socket that nothing answers was left behind by a process that was killed, and is
 * removed. Rejects with EADDRINUSE when a program listens there, or when something else than a socket has that name, and with the
 * system's error when there is no folder for it: to listen there would be refused as if rights were missing.
 */
export async function claimSocketFile(path: string): Promise<void> {
  requireFolder(path)
  const kind = kindAt(path)
  if (kind === 'nothing') return
  if (kind === 'other') throw inUse(path, 'a file that is no socket has that name')
  if (await isAnswered(path)) throw inUse(path, 'another program listens there')
  unlinkSync(path)
}

/** Makes the socket with these permissions: it never has wider ones, not for a moment. */
export function withSocketMode(path: string, mode: number, listen: () => void): void {
  // Only the main thread may change the mask of the process.
  const previous = isMainThread ? process.umask(0o777 & ~mode) : undefined
  try {
    listen()
  } finally {
    if (previous !== undefined) process.umask(previous)
  }
  if (previous === undefined && kindAt(path) === 'socket') chmodSync(path, mode)
}

export function hasSocketFile(path: string): boolean {
  return kindAt(path) === 'socket'
}

function requireFolder(path: string): void {
  try {
    statSync(`${dirname(path)}/.`) // refused for what is no folder
  } catch (error) {
    throw Object.assign(error as Error, { address: path })
  }
}

function kindAt(path: string): 'socket' | 'other' | 'nothing' {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return 'nothing'
  return stats.isSocket() ? 'socket' : 'other'
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    const found = (isAnswered: boolean): void => {
      probe.destroy()
      resolve(isAnswered)
    }
    probe.once('connect', () => found(true))
    // Refused: nothing listens. What else it may be, such as missing rights, leaves the file to its owner.
    probe.once('error', (error: NodeJS.ErrnoException) => found(error.code !== 'ECONNREFUSED'))
  })
}

function inUse(path: string, reason: string): Error {
  return Object.assign(new Error(`listen EADDRINUSE: ${reason}: ${path}`), { code: 'EADDRINUSE', address: path })
}
