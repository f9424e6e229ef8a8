/** What the management API needs of a server: its public in-process API, and nothing of the model behind it. */

import type { AuthorizedUser } from '../broker/authorizer.ts'
import type { EmbeddedClients } from '../embedded/embedded-clients.ts'
import type { EmbeddedUserLimits } from '../embedded/embedded-limits.ts'
import type { EmbeddedLogins } from '../embedded/embedded-logins.ts'
import type { EmbeddedGlobalParameters } from '../embedded/embedded-parameters.ts'
import type { EmbeddedStatistics } from '../embedded/embedded-statistics.ts'
import type { EmbeddedUsers } from '../embedded/embedded-users.ts'
import type { NodeInfo } from '../embedded/node-info.ts'
import type { VirtualHosts } from '../embedded/virtual-hosts.ts'

export interface ManagedServer {
  readonly virtualHosts: VirtualHosts
  readonly users: EmbeddedUsers
  readonly userLimits: EmbeddedUserLimits
  readonly clients: EmbeddedClients
  readonly statistics: EmbeddedStatistics
  readonly logins: EmbeddedLogins
  readonly globalParameters: EmbeddedGlobalParameters
  /** What was found in the storage when it was opened. */
  readonly recovery:
    | {
        readonly queues: number
        readonly messages: number
        readonly tornBytes: number
        readonly quarantined: number
        readonly durationMs: number
      }
    | undefined
  node(): Promise<NodeInfo>
  /** What it was told, as a config file says it. */
  effectiveConfig(): Promise<string>
  /** How it is doing, with what is wrong in plain words. */
  health(): { readonly status: string; readonly warnings: readonly string[] }
}

/** A user who has logged in; one without a name and tags where no log-in is asked for. */
export type ApiUser = AuthorizedUser
