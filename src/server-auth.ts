/** Makes what lets clients in, of what the server is told. */
import type { Authenticator } from './auth/authenticator.ts'
import { LoginFailures } from './auth/logins/login-failures.ts'
import { Logins } from './auth/logins/logins.ts'
import { UserList } from './auth/user-list.ts'
import type { MechanismName } from './lib/mechanism-names.ts'
import type { ServerConfig } from './server-config.ts'

export function userList(config: ServerConfig): UserList {
  const { loopbackUsers, passwordHashing, passwordLengthMin, passwordPattern } = config
  const isAnonymous = mechanisms(config).includes('ANONYMOUS')
  const anonymousUser = isAnonymous ? (config.anonymousLoginUser ?? config.defaultUser) : undefined
  return new UserList({ loopbackUsers, anonymousUser, passwordHashing, passwordLengthMin, passwordPattern })
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
