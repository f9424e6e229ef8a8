/** What code in this process sees and sets of a whole server: the parts of `Server` that belong to no virtual host. */

import type { StoreFigures } from '../../storage/store-figures.ts'
import type { Logins } from '../auth/logins/logins.ts'
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../lib/clock.ts'
import type { EventLoopDelay } from '../lib/event-loop-delay.ts'
import { EmbeddedClients } from './embedded-clients.ts'
import { EmbeddedLogins } from './embedded-logins.ts'
import { EmbeddedGlobalParameters } from './embedded-parameters.ts'
import { EmbeddedStatistics } from './embedded-statistics.ts'

export interface ManagementContext {
  readonly core: Broker
  readonly logins: Logins
  /** Whether the server's own list has a user of this name. */
  readonly isInternalUser: (name: string) => boolean
  /** What the storage has written, if it counts that. */
  readonly store: StoreFigures | undefined
  readonly clock: Clock
  readonly eventLoop: EventLoopDelay
  readonly onDefect: (error: unknown) => void
  /** Throws unless the server runs; it may be stopping. */
  readonly requireRunning: () => void
  /** Throws while nothing can be changed. */
  readonly requireServing: () => void
}

export class EmbeddedManagement {
  readonly globalParameters: EmbeddedGlobalParameters
  readonly clients: EmbeddedClients
  readonly statistics: EmbeddedStatistics
  readonly logins: EmbeddedLogins

  constructor({
    core,
    logins,
    isInternalUser,
    store,
    clock,
    eventLoop,
    onDefect,
    requireRunning,
    requireServing,
  }: ManagementContext) {
    this.globalParameters = new EmbeddedGlobalParameters({ core, requireRunning: requireServing })
    this.clients = new EmbeddedClients({ clients: core.clients, requireRunning })
    this.logins = new EmbeddedLogins({ logins, isInternalUser, requireRunning })
    this.statistics = new EmbeddedStatistics({ core, store, clock, eventLoop, onDefect })
  }
}
