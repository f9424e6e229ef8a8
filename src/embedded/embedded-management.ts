/** What code in this process sees and sets of a whole server: the parts of `Server` that belong to no virtual host. */
import type { Broker } from '../broker/broker.ts'
import type { Clock } from '../lib/clock.ts'
import { EmbeddedClients } from './embedded-clients.ts'
import { EmbeddedGlobalParameters } from './embedded-parameters.ts'
import { EmbeddedStatistics } from './embedded-statistics.ts'

export interface ManagementContext {
  readonly core: Broker
  readonly clock: Clock
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

  constructor({ core, clock, onDefect, requireRunning, requireServing }: ManagementContext) {
    this.globalParameters = new EmbeddedGlobalParameters({ core, requireRunning: requireServing })
    this.clients = new EmbeddedClients({ clients: core.clients, requireRunning })
    this.statistics = new EmbeddedStatistics({ core, clock, onDefect })
  }
}
