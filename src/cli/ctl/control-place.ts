/** Where the control socket of a broker is: the broker makes it there, and `leveret ctl` looks for it there. */
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { AUTOMATIC } from '../../../config/listener-options.ts'
import type { Config } from '../../../config/options.ts'
import { CONTROL_SOCKET } from '../../../storage/level/disk/store-folders.ts'

type Environment = Readonly<Record<string, string | undefined>>
type Places = Pick<Config, 'ctlSocket' | 'dataDir' | 'storage'>

const OWNER_ALONE = 0o700
const OTHERS = 0o077

/** Undefined for none. `port` tells brokers without a folder apart. Throws Error when there is no folder that is safe. */
export function controlSocketPath(
  { ctlSocket, dataDir, storage }: Places,
  port: number | string,
  environment: Environment,
): string | undefined {
  if (ctlSocket === 'none') return undefined
  if (ctlSocket !== AUTOMATIC) return resolve(ctlSocket)
  if (storage === 'leveldb') return join(resolve(dataDir), CONTROL_SOCKET)
  return memorySocketPath(port, environment)
}

/** Where a broker that keeps nothing on a disk has its socket. */
export function memorySocketPath(port: number | string, environment: Environment): string {
  return join(runFolder(environment), `leveret-${port}.sock`)
}

/** A folder for the sockets of this user, made if there is none. Throws Error when other users can write to it. */
function runFolder({ XDG_RUNTIME_DIR: given }: Environment): string {
  const uid = process.getuid?.()
  const folder = given ? join(given, 'leveret') : join(tmpdir(), `leveret-${uid ?? 'sockets'}`)
  mkdirSync(folder, { recursive: true, mode: OWNER_ALONE })
  // A link, or what another user has made in a folder that all may write to, leads to that user.
  const found = lstatSync(folder)
  const isSafe = found.isDirectory() && (uid === undefined || (found.uid === uid && (found.mode & OTHERS) === 0))
  if (!isSafe) throw new Error(`the folder ${folder} is not this user's alone: choose a place with --ctl-socket`)
  return folder
}
