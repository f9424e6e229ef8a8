/** Users and their limits. */
import { hashingAlgorithm, hashingName, type PasswordHash } from '../../auth/passwords/password-hash.ts'
import { done, json, object, put } from '../answers.ts'
import { badRequest, notFound } from '../api-error.ts'
import { integerIn, objectIn, textIn, wordsIn } from '../body.ts'
import type { Call } from '../call.ts'
import type { JsonObject } from '../json.ts'
import { listOf } from '../lists/list.ts'
import type { ManagedServer } from '../managed-server.ts'
import { endpoint, type Route } from '../route.ts'
import { allVhosts, listPermissions, listTopics } from './vhost-routes.ts'

const TAGS_MAX = 32
const DELETED_MAX = 10_000

/** The first two are RabbitMQ's. */
const USER_LIMITS = {
  'max-connections': 'maxConnections',
  'max-channels': 'maxChannels',
  'max-consumers': 'maxConsumers',
  'max-unacked-bytes': 'maxUnackedBytes',
} as const

function userLimitsOf({ userLimits }: ManagedServer, user: string): Record<string, number> {
  const values = userLimits.get(user)
  return Object.fromEntries(
    Object.entries(USER_LIMITS).flatMap(([name, key]) => (values[key] === undefined ? [] : [[name, values[key]]])),
  )
}

export function userShape(
  server: ManagedServer,
  { name, tags }: { readonly name: string; readonly tags: readonly string[] },
) {
  const hash = server.users.passwordHash(name)
  return {
    name,
    password_hash: hash?.text ?? '',
    hashing_algorithm: hashingName(hash?.algorithm ?? 'sha256'),
    tags: [...tags],
    limits: userLimitsOf(server, name),
  }
}

function find({ server }: Call, name: string) {
  return server.users.list().find((user) => user.name === name)
}

function getUser(call: Call): Response {
  const user = find(call, call.param('user'))
  if (user === undefined) throw notFound()
  return object(call, userShape(call.server, user))
}

/** Adds or changes a user as a body, or a definition, says. Throws ApiError. */
export async function setUser(server: ManagedServer, name: string, body: JsonObject): Promise<void> {
  const [password, hash, tags] = [textIn(body, 'password'), textIn(body, 'password_hash'), wordsIn(body, 'tags')]
  if (tags === undefined) throw badRequest('[{key_missing,tags}]')
  if (tags.length > TAGS_MAX) throw badRequest(`A user can have up to ${TAGS_MAX} tags`)
  if (password !== undefined && password !== '' && hash !== undefined && hash !== '') {
    throw badRequest('Both password and password_hash were provided: use one of them')
  }
  const limits = limitsIn(body)
  await server.users.set(name, password ? { password, tags } : { hash: hashIn(body, hash), tags })
  if (Object.keys(limits).length > 0) await server.userLimits.set(name, limits)
}

function hashIn(body: JsonObject, hash: string | undefined): PasswordHash | undefined {
  const algorithm = hashingAlgorithm(textIn(body, 'hashing_algorithm') ?? 'sha256')
  if (algorithm === undefined) throw badRequest('Unknown hashing algorithm')
  return hash === undefined || hash === '' ? undefined : { algorithm, text: hash }
}

/** Those that RabbitMQ's definitions have with a user. */
function limitsIn(body: JsonObject): Record<string, number> {
  const given = objectIn(body, 'limits')
  return Object.fromEntries(
    Object.entries(USER_LIMITS).flatMap(([name, key]) => {
      const value = integerIn(given, name)
      return value === undefined ? [] : [[key, value]]
    }),
  )
}

async function putUser(call: Call): Promise<Response> {
  const name = call.param('user')
  const isNew = find(call, name) === undefined
  await setUser(call.server, name, await call.body())
  return put(isNew)
}

async function deleteUser(call: Call): Promise<Response> {
  if (!(await call.server.users.remove(call.param('user')))) throw notFound()
  return done()
}

async function deleteUsers(call: Call): Promise<Response> {
  const names = wordsIn(await call.body(), 'users')
  if (names === undefined) throw badRequest('[{key_missing,users}]')
  if (names.length > DELETED_MAX) throw badRequest(`Up to ${DELETED_MAX} users can be deleted at a time`)
  for (const name of names) await call.server.users.remove(name)
  return done()
}

function usersWithoutPermissions(call: Call): Promise<Response> {
  const withSome = new Set(allVhosts(call).flatMap(({ permissions }) => permissions.list().map(({ user }) => user)))
  const without = call.server.users.list().filter(({ name }) => !withSome.has(name))
  return listUsers(call, without)
}

function listUsers(call: Call, users = call.server.users.list()): Promise<Response> {
  const sorted = [...users].sort((a, b) => (a.name < b.name ? -1 : 1))
  return listOf(
    call,
    sorted.map((user) => userShape(call.server, user)),
    ({ name }) => name,
  )
}

function requireUser(call: Call): string {
  const name = call.param('user')
  if (find(call, name) === undefined) throw notFound()
  return name
}

// --- limits

function listLimits({ server }: Call, only?: string): Response {
  const users = server.userLimits.users().filter((user) => only === undefined || user === only)
  return json(users.map((user) => ({ user, value: userLimitsOf(server, user) })))
}

function limitName<T extends Record<string, string>>(names: T, name: string): T[keyof T] {
  if (!Object.hasOwn(names, name)) throw badRequest(`Unrecognised limit: ${name.slice(0, 64)}`)
  return names[name as keyof T]
}

export async function limitIn(call: Call, names: Record<string, string>): Promise<Record<string, number>> {
  const value = integerIn(await call.body(), 'value')
  if (value === undefined) throw badRequest('[{key_missing,value}]')
  return { [limitName(names, call.param('name'))]: value }
}

async function putLimit(call: Call): Promise<Response> {
  await call.server.userLimits.set(requireUser(call), await limitIn(call, USER_LIMITS))
  return done()
}

async function deleteLimit(call: Call): Promise<Response> {
  const name = requireUser(call)
  const key = limitName(USER_LIMITS, call.param('name'))
  const { [key]: _gone, ...rest } = call.server.userLimits.get(name)
  await call.server.userLimits.replace(name, rest)
  return done()
}

export const USER_ROUTES: readonly Route[] = [
  { path: '/users', methods: { GET: endpoint('administrator', (call) => listUsers(call)) } },
  { path: '/users/without-permissions', methods: { GET: endpoint('administrator', usersWithoutPermissions) } },
  { path: '/users/bulk-delete', methods: { POST: endpoint('administrator', deleteUsers) } },
  {
    path: '/users/:user',
    methods: {
      GET: endpoint('administrator', getUser),
      PUT: endpoint('administrator', putUser),
      DELETE: endpoint('administrator', deleteUser),
    },
  },
  {
    path: '/users/:user/permissions',
    methods: { GET: endpoint('administrator', (call) => listPermissions(call, requireUser(call))) },
  },
  {
    path: '/users/:user/topic-permissions',
    methods: { GET: endpoint('administrator', (call) => listTopics(call, requireUser(call))) },
  },
  { path: '/user-limits', methods: { GET: endpoint('administrator', (call) => listLimits(call)) } },
  {
    path: '/user-limits/:user',
    methods: { GET: endpoint('administrator', (call) => listLimits(call, requireUser(call))) },
  },
  {
    path: '/user-limits/:user/:name',
    methods: { PUT: endpoint('administrator', putLimit), DELETE: endpoint('administrator', deleteLimit) },
  },
]
