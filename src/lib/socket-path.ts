/**
 * Paths of Unix sockets. The system takes only short ones; on Linux a longer one has a short name all the same, by way of the
 * folder that it is in, which is opened for that.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/** So many bytes are taken on every system. */
const PATH_BYTES_MAX = 103

export interface SocketPath {
  /** What to listen on, or to connect to. */
  readonly path: string
  /** The short name leads to nothing, or to something else, from now on. */
  release(): void
}

/** Throws Error for a path that is too long where there is no way around that, and the system's error for a folder that cannot be opened. */
export function socketPath(path: string, platform: NodeJS.Platform = process.platform): SocketPath {
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return { path, release: () => {} }
  const short = platform === 'linux' && Buffer.byteLength(basename(path)) <= PATH_BYTES_MAX / 2
  if (!short) throw new Error(`the path of a socket has ${PATH_BYTES_MAX} bytes at most: ${path} is longer`)
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  let isOpen = true
  return {
    path: `/proc/self/fd/${folder}/${basename(path)}`,
    release() {
      if (isOpen) closeSync(folder)
      isOpen = false
    },
  }
}
