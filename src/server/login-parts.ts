/** Makes what lets clients in, of what the server is told. */
import type { Authenticator } from '../auth/authenticator.ts'
import type { BackendChain } from '../auth/backends/backend-chain.ts'
import { makeBackends } from '../auth/backends/make-backends.ts'
import { LoginFailures } from '../auth/logins/login-failures.ts'
import { Logins } from '../auth/logins/logins.ts'
import { UserList } from '../auth/user-list.ts'
import type { Authorizer } from '../broker/authorizer.ts'
import type { Clock } from '../lib/clock.ts'
import type { MechanismName } from '../lib/mechanism-names.ts'
import type { RareLines } from '../lib/rare-lines.ts'
import type { ServerConfig } from './server-config.ts'

interface BackendParts {
  readonly users: UserList
  /** What the users of the list may do. */
  readonly permissions: () => Authorizer
  readonly clock: Clock
  readonly rareLines: RareLines
}

export function userList(config: ServerConfig): UserList {
  const { loopbackUsers, passwordHashing, passwordLengthMin, passwordPattern } = config
  return new UserList({
    loopbackUsers,
    anonymousUser: anonymousUser(config),
    passwordHashing,
    passwordLengthMin,
    passwordPattern,
  })
}

/** What clients without a user become; undefined when they are refused. */
function anonymousUser(config: ServerConfig): string | undefined {
  const isAnonymous = mechanisms(config).includes('ANONYMOUS')
  return isAnonymous ? (config.anonymousLoginUser ?? config.defaultUser) : undefined
}

/** The backends that are configured; undefined when there is only the list. */
export function backendChain(
  config: ServerConfig,
  { users, permissions, clock, rareLines }: BackendParts,
): BackendChain | undefined {
  if (config.backends === undefined) return undefined
  return makeBackends(config.backends, {
    users,
    permissions,
    clock,
    loopbackUsers: config.loopbackUsers,
    anonymousUser: anonymousUser(config),
    onProblem: (error, message) => rareLines.log('error', { reason: reasonOf(error) }, message),
  })
}

/** Not the whole error, which may hold a server's certificate with all that it is made of. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || (error as NodeJS.ErrnoException).code || error.name // several addresses were tried: no text
}

export function logins(config: ServerConfig, authenticator: Authenticator, now: () => number): Logins {
  const { sslCertLoginFrom: from, sslCertLoginSanType: sanType, sslCertLoginSanIndex: sanIndex } = config
  return new Logins({
    authenticator,
    mechanisms: mechanisms(config),
    certificateLogin: { from, sanType, sanIndex },
    failures: new LoginFailures(config.loginFailuresMax, now),
  })
}

/** Those that are offered, best first. */
function mechanisms({ authMechanisms, allowAnonymous }: ServerConfig): readonly MechanismName[] {
  return allowAnonymous && !authMechanisms.includes('ANONYMOUS') ? [...authMechanisms, 'ANONYMOUS'] : authMechanisms
}
