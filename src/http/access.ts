/** Who may do what: RabbitMQ's tags, and virtual hosts. */
import { notAuthorised } from './api-error.ts'
import type { ApiUser, ManagedServer } from './managed-server.ts'

/** What an endpoint asks of a user, beside having logged in. */
export type Requirement =
  /** Not even to log in. */
  | 'nothing'
  /** Any tag but `impersonator`. */
  | 'user'
  | 'monitor'
  | 'administrator'
  /** May open the virtual host. Of all virtual hosts, such a user sees those that it may open. */
  | 'vhost'
  /** May see the virtual host: a monitor sees all. */
  | 'visible vhost'
  /** A policymaker who may open the virtual host. */
  | 'policymaker'
  | 'global policymaker'

const ADMINISTRATOR = 'administrator'

export function isAdministrator({ tags }: ApiUser): boolean {
  return tags.includes(ADMINISTRATOR)
}

export function isMonitor({ tags }: ApiUser): boolean {
  return tags.includes(ADMINISTRATOR) || tags.includes('monitoring')
}

export function isPolicymaker({ tags }: ApiUser): boolean {
  return tags.includes(ADMINISTRATOR) || tags.includes('policymaker')
}

function isManagementUser({ tags }: ApiUser): boolean {
  return [ADMINISTRATOR, 'monitoring', 'policymaker', 'management'].some((tag) => tags.includes(tag))
}

/** Throws ApiError. `vhost` is the one that the request names, if it names one that is there. */
export async function requireAccess(
  server: ManagedServer,
  user: ApiUser,
  peerAddress: string,
  requirement: Requirement,
  vhost: string | undefined,
): Promise<void> {
  if (requirement === 'nothing') return
  if (!isManagementUser(user)) throw notAuthorised('Not management user')
  if (isAdministrator(user)) return
  const mayOpen = async (): Promise<boolean> =>
    vhost === undefined || (await server.virtualHosts.mayOpen(user, vhost, peerAddress))
  switch (requirement) {
    case 'user':
      return
    case 'monitor':
      if (!isMonitor(user)) throw notAuthorised('Not monitor user')
      return
    case 'administrator':
      throw notAuthorised('Not administrator user')
    case 'vhost':
      if (!(await mayOpen())) throw notAuthorised('User not authorised to access virtual host')
      return
    case 'visible vhost':
      if (!isMonitor(user) && !(await mayOpen())) throw notAuthorised('User not authorised to access virtual host')
      return
    case 'policymaker':
      if (!isPolicymaker(user) || !(await mayOpen())) throw notAuthorised('User not authorised to access object')
      return
    case 'global policymaker':
      if (!isPolicymaker(user)) throw notAuthorised('User not authorised to access object')
      return
    default:
      requirement satisfies never
  }
}

/** The virtual hosts whose contents a user sees in lists. */
export async function openVhosts(server: ManagedServer, user: ApiUser, peerAddress: string): Promise<string[]> {
  const names = server.virtualHosts.names().sort()
  if (isAdministrator(user)) return names
  const answers = await Promise.all(names.map((name) => server.virtualHosts.mayOpen(user, name, peerAddress)))
  return names.filter((_name, at) => answers[at] === true)
}

/** The virtual hosts that a user sees itself: a monitor sees all. */
export async function visibleVhosts(server: ManagedServer, user: ApiUser, peerAddress: string): Promise<string[]> {
  return isMonitor(user) ? server.virtualHosts.names().sort() : await openVhosts(server, user, peerAddress)
}
