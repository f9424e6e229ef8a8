/** Who asks, logging in, and how often that was tried. */

import type { LoginCount } from '../../auth/logins/login-counts.ts'
import { hashPassword } from '../../auth/passwords/password-hash.ts'
import type { PresentedCredentials } from '../../embedded/embedded-logins.ts'
import { requireAccess } from '../access.ts'
import { done, json, unauthorized } from '../answers.ts'
import { badRequest } from '../api-error.ts'
import { textIn } from '../body.ts'
import type { Call } from '../call.ts'
import { endpoint, type Route } from '../route.ts'
import { requireThisNode } from './this-node.ts'

/** A name and a password in a form are short; a token may have many scopes. */
const FORM_BYTES_MAX = 16 * 1024
const PASSWORD_CHARACTERS_MAX = 1024

function whoami({ user, server }: Call): Response {
  return json({ name: user.name, tags: [...user.tags], is_internal_user: server.logins.isInternal(user.name) })
}

/** What the form of a log-in page sends. There are no cookies: what a browser would send by itself, other pages could have it send. */
async function login(call: Call): Promise<Response> {
  const form = new URLSearchParams((await call.bytes(FORM_BYTES_MAX)).toString())
  const [name, password, token] = ['username', 'password', 'access_token'].map((key) => form.get(key) ?? undefined)
  let credentials: PresentedCredentials | undefined
  if (token !== undefined) credentials = { token }
  else if (name !== undefined && password !== undefined) credentials = { name, password }
  const user = credentials === undefined ? undefined : await call.logIn(credentials)
  if (user === undefined) return unauthorized()
  await requireAccess(call.server, user, call.peerAddress, 'user', undefined)
  return json('ok')
}

/** By SHA-256: what a hash is taken for that says nothing else. */
async function hash(password: string | undefined): Promise<Response> {
  if (password === undefined) throw badRequest('[{key_missing,password}]')
  if (password === '' || password.length > PASSWORD_CHARACTERS_MAX) {
    throw badRequest(`password must have 1 to ${PASSWORD_CHARACTERS_MAX} characters`)
  }
  return json({ ok: (await hashPassword(password, 'sha256')).text })
}

function countShape({ protocol, succeeded, failed }: LoginCount) {
  return {
    protocol,
    auth_attempts: succeeded + failed,
    auth_attempts_failed: failed,
    auth_attempts_succeeded: succeeded,
  }
}

async function attempts(call: Call): Promise<Response> {
  await requireThisNode(call)
  return json(call.server.logins.counts().map(countShape))
}

async function attemptsBySource(call: Call): Promise<Response> {
  await requireThisNode(call)
  const sources = call.server.logins.sources()
  return json(sources.map((one) => ({ remote_address: one.address, username: one.name, ...countShape(one) })))
}

async function resetAttempts(call: Call): Promise<Response> {
  await requireThisNode(call)
  call.server.logins.resetCounts()
  return done()
}

export const AUTH_ROUTES: readonly Route[] = [
  { path: '/whoami', methods: { GET: endpoint('user', whoami) } },
  { path: '/login', methods: { POST: endpoint('nothing', login) } },
  {
    path: '/auth',
    methods: {
      GET: endpoint('nothing', () =>
        json({ oauth_enabled: false, enable_uaa: false, uaa_client_id: '', uaa_location: '' }),
      ),
    },
  },
  {
    path: '/auth/hash_password',
    methods: { POST: endpoint('administrator', async (call) => hash(textIn(await call.body(), 'password'))) },
  },
  {
    path: '/auth/hash_password/:password',
    methods: {
      GET: endpoint('administrator', (call) => hash(call.param('password'))),
      POST: endpoint('administrator', (call) => hash(call.param('password'))),
    },
  },
  {
    path: '/auth/attempts/:node',
    methods: { GET: endpoint('monitor', attempts), DELETE: endpoint('monitor', resetAttempts) },
  },
  {
    path: '/auth/attempts/:node/source',
    methods: { GET: endpoint('monitor', attemptsBySource), DELETE: endpoint('monitor', resetAttempts) },
  },
]
