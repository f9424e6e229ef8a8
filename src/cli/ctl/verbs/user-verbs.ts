/** Users: adding, changing, removing and listing them, and their limits. */
import { apiPath, type BrokerClient } from '../broker-client.ts'
import { CtlExit, CtlFailure } from '../ctl-failure.ts'
import type { Output, Row, Verb, VerbCall } from '../verb.ts'
import { givenJson } from './given-json.ts'
import { rowsIn } from './list-verbs.ts'

interface User extends Row {
  readonly tags: readonly string[]
  readonly password_hash: string
  readonly hashing_algorithm: string
}

/** Undefined when there is none. */
async function userOf(broker: BrokerClient, name: string): Promise<User | undefined> {
  const found = rowsIn(await broker.get('/users')).find((user) => user.name === name)
  return found as User | undefined // the API has these fields
}

/** Throws CtlFailure when there is none. */
export async function requireUser(broker: BrokerClient, name: string): Promise<User> {
  const user = await userOf(broker, name)
  if (user === undefined) throw new CtlFailure(CtlExit.noUser, `user "${name}" does not exist`)
  return user
}

/** The argument, or else the line on standard input: what stands on a command line, other users may see. */
async function passwordOf(call: VerbCall): Promise<string> {
  const password = call.optional('password') ?? (await call.input()).replace(/\r?\n$/, '')
  if (password === '')
    throw new CtlFailure(CtlExit.data, 'the password is empty: no client can log in with an empty one')
  return password
}

async function addUser(call: VerbCall): Promise<Output> {
  const name = call.text('username')
  const password = await passwordOf(call)
  if ((await userOf(call.broker, name)) !== undefined)
    throw new CtlFailure(CtlExit.software, `user "${name}" exists already`)
  await call.broker.put(apiPath`/users/${name}`, { password, tags: [] })
  return {
    kind: 'done',
    text: `Adding user "${name}" ...\nDone. The user cannot use any virtual host yet: grant permissions with set_permissions.`,
  }
}

async function changePassword(call: VerbCall): Promise<Output> {
  const name = call.text('username')
  const password = await passwordOf(call)
  const { tags } = await requireUser(call.broker, name)
  await call.broker.put(apiPath`/users/${name}`, { password, tags })
  return { kind: 'done', text: `Changing password for user "${name}" ...` }
}

async function clearPassword(call: VerbCall): Promise<Output> {
  const name = call.text('username')
  const { tags } = await requireUser(call.broker, name)
  await call.broker.put(apiPath`/users/${name}`, { password_hash: '', tags })
  return { kind: 'done', text: `Clearing password for user "${name}" ...` }
}

async function setTags(call: VerbCall): Promise<Output> {
  const name = call.text('username')
  const tags = call.words('tags')
  const { password_hash, hashing_algorithm } = await requireUser(call.broker, name)
  await call.broker.put(apiPath`/users/${name}`, { password_hash, hashing_algorithm, tags })
  return { kind: 'done', text: `Setting tags for user "${name}" to [${tags.join(', ')}] ...` }
}

async function deleteUser(call: VerbCall): Promise<Output> {
  const name = call.text('username')
  await requireUser(call.broker, name)
  await call.broker.delete(apiPath`/users/${name}`)
  return { kind: 'done', text: `Deleting user "${name}" ...` }
}

async function authenticate(call: VerbCall): Promise<Output> {
  const name = call.text('username')
  const login = { name, password: await passwordOf(call) }
  const { status, text } = await call.broker.send('GET', '/whoami', { login })
  // Who may log in need not be one who may use the management API.
  const isUser = status === 200 || (status === 401 && text.includes('Not management user'))
  if (!isUser) throw new CtlFailure(CtlExit.data, `the broker does not let user "${name}" in with this password`)
  return { kind: 'done', text: `Authenticating user "${name}" ...\nSuccess` }
}

async function hashPassword(call: VerbCall): Promise<Output> {
  const { hashPassword: hash } = await import('../../../auth/passwords/password-hash.ts')
  const { text } = await hash(await passwordOf(call), 'sha256')
  return { kind: 'object', value: { hash: text }, text }
}

async function listUsers({ broker }: VerbCall): Promise<Output> {
  return { kind: 'rows', title: 'Listing users ...', columns: ['user', 'tags'], rows: await users(broker) }
}

async function users(broker: BrokerClient): Promise<Row[]> {
  return rowsIn(await broker.get('/users')).map(({ name, tags }) => ({ user: name, tags }))
}

async function setLimits(call: VerbCall): Promise<Output> {
  const name = call.text('username')
  const limits = Object.entries(givenJson(call.text('definition')))
  await requireUser(call.broker, name)
  for (const [limit, value] of limits) await call.broker.put(apiPath`/user-limits/${name}/${limit}`, { value })
  return { kind: 'done', text: `Setting user limits for user "${name}" ...` }
}

async function clearLimits(call: VerbCall): Promise<Output> {
  const [name, limit] = [call.text('username'), call.text('limit')]
  await requireUser(call.broker, name)
  const limits = limit === 'all' ? ['max-connections', 'max-channels'] : [limit]
  for (const each of limits) await call.broker.delete(apiPath`/user-limits/${name}/${each}`)
  return { kind: 'done', text: `Clearing limit ${limit} of user "${name}" ...` }
}

async function listLimits(call: VerbCall): Promise<Output> {
  const name = call.optional('user')
  if (name !== undefined) await requireUser(call.broker, name)
  const path = name === undefined ? '/user-limits' : apiPath`/user-limits/${name}`
  const rows = rowsIn(await call.broker.get(path)).map(({ user, value }) => ({ user, limits: JSON.stringify(value) }))
  return {
    kind: 'rows',
    title: name === undefined ? 'Listing limits for all users ...' : `Listing limits for user "${name}" ...`,
    columns: name === undefined ? ['user', 'limits'] : ['limits'],
    rows,
  }
}

const NAME_AND_PASSWORD = '<username> [password]'

export const USER_VERBS: readonly Verb[] = [
  {
    name: 'add_user',
    args: NAME_AND_PASSWORD,
    describe: 'add a user; the password is read from standard input unless it is given',
    run: addUser,
  },
  { name: 'delete_user', args: '<username>', describe: 'remove a user', run: deleteUser },
  { name: 'change_password', args: NAME_AND_PASSWORD, describe: 'change the password of a user', run: changePassword },
  {
    name: 'clear_password',
    args: '<username>',
    describe: 'remove the password of a user, who cannot log in with one then',
    run: clearPassword,
  },
  {
    name: 'authenticate_user',
    args: NAME_AND_PASSWORD,
    describe: 'check whether a user may log in with a password',
    run: authenticate,
  },
  {
    name: 'set_user_tags',
    args: '<username> [tags..]',
    describe: 'replace the tags of a user; without tags, remove them all',
    run: setTags,
  },
  { name: 'hash_password', args: '[password]', describe: 'print the hash of a password', run: hashPassword },
  { name: 'list_users', describe: 'list users and their tags', run: listUsers },
  {
    name: 'set_user_limits',
    args: '<username> <definition>',
    describe: 'set limits of a user: \'{"max-connections": 10, "max-channels": 100}\'',
    run: setLimits,
  },
  {
    name: 'clear_user_limits',
    args: '<username> <limit>',
    describe: 'remove a limit of a user: max-connections, max-channels or all',
    run: clearLimits,
  },
  {
    name: 'list_user_limits',
    describe: 'list limits of users',
    options: {
      user: { type: 'string', requiresArg: true, describe: 'of this user' },
      global: { type: 'boolean', describe: 'of all users (default)' },
    },
    run: listLimits,
  },
]
