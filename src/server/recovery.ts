import type { OpenOptions, Recovery, Storage } from '../../storage/storage.ts'
import { USER_KIND, type UserList } from '../auth/user-list.ts'
import { ALL_PERMISSIONS } from '../broker/access/permission-list.ts'
import type { Broker } from '../broker/broker.ts'
import type { Logger } from '../lib/logger.ts'
import type { ServerConfig } from './server-config.ts'

/** What a server found in its storage. */
export interface ServerRecovery {
  readonly vhosts: number
  readonly users: number
  /** Durable ones, without those that every virtual host has. */
  readonly exchanges: number
  readonly queues: number
  readonly bindings: number
  readonly messages: number
  /** Bytes of commits that were not finished, and never confirmed. */
  readonly tornBytes: number
  /** Damaged places in the store, and things in it that make no sense, which were left out. */
  readonly quarantined: number
  /** What they are, one sentence each; of very many not all. */
  readonly problems: readonly string[]
  readonly durationMs: number
}

/** Opens the storage and makes what it has. When that fails, the storage is closed, so that another process can open it. */
export async function openStorage(
  storage: Storage,
  options: OpenOptions,
  restore: (found: Recovery) => void,
): Promise<void> {
  const found = await storage.open(options)
  try {
    restore(found)
  } catch (error) {
    await storage.close().catch(() => {}) // what came first says more
    throw error
  }
}

/** What a server restores into. */
interface RestoringServer {
  readonly core: Broker
  readonly userList: UserList
  readonly logger: Logger
}

/** Restores what the storage has; in a new one, makes the default virtual host and, if it `hasUsers`, the default user. */
export function restoreServer(
  found: Recovery,
  { core, userList, logger }: RestoringServer,
  config: ServerConfig,
  hasUsers: boolean,
): ServerRecovery {
  const { defaultUser, defaultPass, defaultVhost, makesDefaultUser } = config
  const recovery = restoreEntities(found, core, userList)
  if (core.storageIsDurable) reportRecovery(recovery, logger)
  if (recovery.vhosts === 0) {
    const vhost = core.createVhost(defaultVhost)
    if (config.defaultQueueType !== 'classic') vhost.setDefaultQueueType(config.defaultQueueType)
  }
  if (!hasUsers) return recovery
  // RabbitMQ: a default user that was deleted, or has another password by now, is left alone.
  const isNew = !hasUser(found)
  if (isNew && makesDefaultUser && found.quarantined > 0)
    logger.warn({}, `no users were found: '${defaultUser}' is made as in a new store`)
  if (isNew && makesDefaultUser) addDefaultUser(userList, config)
  else if (!isNew && !core.permissions.isKnown) grantAll(core, userList, recovery, logger)
  core.permissions.begin()
  if (userList.has(defaultUser) && (isNew || recovery.vhosts === 0)) {
    core.permissions.set(defaultUser, defaultVhost, ALL_PERMISSIONS)
  }
  if (isNew) return recovery
  if (recovery.users === 0) logger.warn({}, 'there are no users in the storage: no client can log in')
  else void tellOfOtherDefault(userList, { defaultUser, defaultPass }, logger)
  return recovery
}

/** Throws RangeError when its password is not one that passwords may be. */
function addDefaultUser(userList: UserList, { defaultUser, defaultPass, defaultUserTags }: ServerConfig): void {
  try {
    userList.add(defaultUser, defaultPass, defaultUserTags)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new RangeError(`the default user cannot be made: ${reason}`, { cause: error })
  }
}

/** A store from before there were permissions: its users keep what they had, unless something of it may be lost. */
function grantAll(core: Broker, userList: UserList, { quarantined }: ServerRecovery, logger: Logger): void {
  if (quarantined > 0) {
    logger.warn({}, 'there are no permissions in the storage, which was damaged: no client can open a virtual host')
    return
  }
  for (const { name } of userList.list()) {
    for (const vhost of core.vhosts()) core.permissions.set(name, vhost.name, ALL_PERMISSIONS)
  }
  logger.warn({}, 'the storage is from before there were permissions: every user gets all of them, as it had before')
}

async function tellOfOtherDefault(
  userList: UserList,
  { defaultUser, defaultPass }: Pick<ServerConfig, 'defaultUser' | 'defaultPass'>,
  logger: Logger,
): Promise<void> {
  const credentials = { name: defaultUser, password: Buffer.from(defaultPass) }
  if ('user' in (await userList.authenticate(credentials, '127.0.0.1'))) return
  logger.info({}, `user '${defaultUser}' is not as configured: the storage has users already, and they stay`)
}

function hasUser({ entities }: Recovery): boolean {
  for (const { kind } of entities) if (kind === USER_KIND) return true
  return false
}

/** Makes what was kept. */
function restoreEntities(found: Recovery, core: Broker, users: UserList): ServerRecovery {
  const { counts, problems } = core.restore(found)
  const { messages, tornBytes, durationMs } = found
  return {
    vhosts: [...core.vhosts()].length,
    users: users.list().length,
    exchanges: counts.get('exchange') ?? 0,
    queues: counts.get('queue') ?? 0,
    bindings: counts.get('binding') ?? 0,
    messages,
    tornBytes,
    quarantined: found.quarantined + problems.length,
    problems: [...found.problems, ...problems],
    durationMs: Math.round(durationMs),
  }
}

function reportRecovery(recovery: ServerRecovery, logger: Logger): void {
  const { vhosts, tornBytes, quarantined, problems, durationMs } = recovery
  for (const text of problems) logger.warn({}, `recovery: ${text}`)
  // Every store begins with a virtual host.
  if (vhosts === 0 && tornBytes === 0 && quarantined === 0) {
    logger.info({ durationMs }, 'this is a new store')
    return
  }
  const damage = quarantined === 0 ? 'nothing was damaged' : 'what was damaged is left out'
  logger.info({ ...recovery, problems: problems.length }, `the store is recovered: ${damage}`)
}
