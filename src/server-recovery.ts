import type { OpenOptions, Recovery, Storage } from '../storage/storage.ts'
import type { UserList } from './auth/user-list.ts'
import type { Broker } from './broker/broker.ts'
import type { Logger } from './lib/logger.ts'

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

/** Opens the storage and makes what it has. When that fails, the storage is closed: somebody else may be able to. */
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

/** Makes what was kept. */
export function restoreEntities(found: Recovery, core: Broker, users: UserList): ServerRecovery {
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
    durationMs,
  }
}

export function reportRecovery(recovery: ServerRecovery, logger: Logger): void {
  const { vhosts, users, exchanges, queues, bindings, messages, quarantined, problems } = recovery
  for (const text of problems) logger.warn({}, `recovery: ${text}`)
  const counts = [
    counted(vhosts, 'vhost'),
    counted(users, 'user'),
    counted(exchanges, 'exchange'),
    counted(queues, 'queue'),
    counted(bindings, 'binding'),
    counted(messages, 'message'),
  ]
  const damage = quarantined === 0 ? 'nothing damaged' : `${quarantined} damaged or left out`
  logger.info({ ...recovery, problems: problems.length }, `recovered ${counts.join(', ')}; ${damage}`)
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
