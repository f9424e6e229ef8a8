/** What the management API needs of a server: its public in-process API, and nothing of the model behind it. */

import type { Verdict } from '../auth/authenticator.ts'
import type { AuthorizedUser } from '../broker/authorizer.ts'
import type { EmbeddedClients } from '../embedded/embedded-clients.ts'
import type { EmbeddedUserLimits } from '../embedded/embedded-limits.ts'
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
  readonly globalParameters: EmbeddedGlobalParameters
  /** Checks the password of a user who comes from this address. */
  login(name: string, password: string, peerAddress: string): Promise<Verdict>
  node(): Promise<NodeInfo>
}

/** A user who has logged in. */
export type ApiUser = AuthorizedUser
