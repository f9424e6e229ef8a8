/** Virtual hosts, what users may do in them, and their limits. */
import { accepted, apiPath, type BrokerClient } from '../broker-client.ts'
import { CtlExit, CtlFailure } from '../ctl-failure.ts'
import type { Output, Row, Verb, VerbCall } from '../verb.ts'
import { givenJson } from './given-json.ts'
import { rowsIn } from './list-verbs.ts'
import { requireUser } from './user-verbs.ts'

async function requireVhost(broker: BrokerClient, vhost: string): Promise<void> {
  const reply = await broker.send('GET', apiPath`/vhosts/${vhost}`)
  if (reply.status === 404) throw new CtlFailure(CtlExit.data, `virtual host '${vhost}' does not exist`)
  accepted(reply)
}

async function addVhost(call: VerbCall): Promise<Output> {
  const vhost = call.text('vhost_name')
  const [description, tags, type] = [
    call.optional('description'),
    call.optional('tags'),
    call.optional('default-queue-type'),
  ]
  await call.broker.put(apiPath`/vhosts/${vhost}`, {
    ...(description === undefined ? {} : { description }),
    ...(tags === undefined ? {} : { tags }),
    ...(type === undefined ? {} : { default_queue_type: type }),
  })
  return { kind: 'done', text: `Adding vhost "${vhost}" ...` }
}

async function deleteVhost(call: VerbCall): Promise<Output> {
  const vhost = call.text('vhost_name')
  await requireVhost(call.broker, vhost)
  await call.broker.delete(apiPath`/vhosts/${vhost}`)
  return { kind: 'done', text: `Deleting vhost "${vhost}" ...` }
}

// --- permissions

/** Throws CtlFailure that says which of them there is not. */
async function requireBoth({ broker, vhost }: VerbCall, user: string): Promise<void> {
  await requireVhost(broker, vhost)
  await requireUser(broker, user)
}

async function setPermissions(call: VerbCall): Promise<Output> {
  const user = call.text('username')
  await requireBoth(call, user)
  const [configure, write, read] = [call.text('configure'), call.text('write'), call.text('read')]
  await call.broker.put(apiPath`/permissions/${call.vhost}/${user}`, { configure, write, read })
  return { kind: 'done', text: `Setting permissions for user "${user}" in vhost "${call.vhost}" ...` }
}

async function clearPermissions(call: VerbCall): Promise<Output> {
  const user = call.text('username')
  await requireBoth(call, user)
  await removed(call, apiPath`/permissions/${call.vhost}/${user}`)
  return { kind: 'done', text: `Clearing permissions for user "${user}" in vhost "${call.vhost}" ...` }
}

async function setTopicPermissions(call: VerbCall): Promise<Output> {
  const user = call.text('username')
  await requireBoth(call, user)
  const [exchange, write, read] = [call.text('exchange'), call.text('write'), call.text('read')]
  await call.broker.put(apiPath`/topic-permissions/${call.vhost}/${user}`, { exchange, write, read })
  const where = `on "${exchange}" for user "${user}" in vhost "${call.vhost}"`
  return { kind: 'done', text: `Setting topic permissions ${where} ...` }
}

async function clearTopicPermissions(call: VerbCall): Promise<Output> {
  const user = call.text('username')
  await requireBoth(call, user)
  const exchange = call.optional('exchange')
  const query = exchange === undefined ? '' : `?exchange=${encodeURIComponent(exchange)}`
  await removed(call, `${apiPath`/topic-permissions/${call.vhost}/${user}`}${query}`)
  return { kind: 'done', text: `Clearing topic permissions for user "${user}" in vhost "${call.vhost}" ...` }
}

/** What is not there needs no removing, to rabbitmqctl. */
async function removed({ broker }: VerbCall, path: string): Promise<void> {
  const reply = await broker.send('DELETE', path)
  if (reply.status !== 404) accepted(reply)
}

async function permissions(call: VerbCall, kind: string, columns: readonly string[]): Promise<Output> {
  await requireVhost(call.broker, call.vhost)
  const rows = rowsIn(await call.broker.get(`${apiPath`/vhosts/${call.vhost}`}/${kind}`))
  return { kind: 'rows', title: `Listing ${kind} for vhost "${call.vhost}" ...`, columns, rows }
}

async function permissionsOfUser(call: VerbCall, kind: string, columns: readonly string[]): Promise<Output> {
  const user = call.text('username')
  await requireUser(call.broker, user)
  const rows = rowsIn(await call.broker.get(`${apiPath`/users/${user}`}/${kind}`))
  return { kind: 'rows', title: `Listing ${kind} for user "${user}" ...`, columns, rows }
}

// --- limits

async function setLimits(call: VerbCall): Promise<Output> {
  const value = givenJson(call.text('definition'))
  await requireVhost(call.broker, call.vhost)
  await call.broker.put(apiPath`/parameters/vhost-limits/${call.vhost}/limits`, { value })
  return { kind: 'done', text: `Setting vhost limits for vhost "${call.vhost}" ...` }
}

async function clearLimits(call: VerbCall): Promise<Output> {
  await requireVhost(call.broker, call.vhost)
  await removed(call, apiPath`/parameters/vhost-limits/${call.vhost}/limits`)
  return { kind: 'done', text: `Clearing vhost limits for vhost "${call.vhost}" ...` }
}

async function listLimits(call: VerbCall): Promise<Output> {
  const isOne = !call.flag('global')
  if (isOne) await requireVhost(call.broker, call.vhost)
  const found = rowsIn(await call.broker.get(isOne ? apiPath`/vhost-limits/${call.vhost}` : '/vhost-limits'))
  const rows: Row[] = found.map(({ vhost, value }) => ({ vhost, limits: JSON.stringify(value) }))
  return {
    kind: 'rows',
    title: isOne ? `Listing limits for vhost "${call.vhost}" ...` : 'Listing limits for all vhosts ...',
    columns: isOne ? ['limits'] : ['vhost', 'limits'],
    rows,
  }
}

const PATTERNS = ['configure', 'write', 'read'] as const
const TOPIC_PATTERNS = ['exchange', 'write', 'read'] as const

export const VHOST_VERBS: readonly Verb[] = [
  {
    name: 'add_vhost',
    args: '<vhost_name>',
    describe: 'add a virtual host',
    options: {
      description: { type: 'string', requiresArg: true, describe: 'what it is for' },
      tags: { type: 'string', requiresArg: true, describe: 'tags, with commas between them' },
      'default-queue-type': { type: 'string', requiresArg: true, describe: 'classic or quorum' },
    },
    run: addVhost,
  },
  {
    name: 'delete_vhost',
    args: '<vhost_name>',
    describe: 'remove a virtual host with everything in it',
    run: deleteVhost,
  },
  {
    name: 'set_permissions',
    args: '<username> <configure> <write> <read>',
    describe: 'set what a user may configure, write and read in a virtual host: three regular expressions',
    hasVhost: true,
    run: setPermissions,
  },
  {
    name: 'clear_permissions',
    args: '<username>',
    describe: 'remove the permissions of a user in a virtual host',
    hasVhost: true,
    run: clearPermissions,
  },
  {
    name: 'list_permissions',
    describe: 'list the permissions of all users in a virtual host',
    hasVhost: true,
    run: (call) => permissions(call, 'permissions', ['user', ...PATTERNS]),
  },
  {
    name: 'list_user_permissions',
    args: '<username>',
    describe: 'list the permissions of a user in all virtual hosts',
    run: (call) => permissionsOfUser(call, 'permissions', ['vhost', ...PATTERNS]),
  },
  {
    name: 'set_topic_permissions',
    args: '<username> <exchange> <write> <read>',
    describe: 'limit the routing keys that a user may use on a topic exchange: two regular expressions',
    hasVhost: true,
    run: setTopicPermissions,
  },
  {
    name: 'clear_topic_permissions',
    args: '<username> [exchange]',
    describe: 'remove the topic permissions of a user, on one exchange or on all',
    hasVhost: true,
    run: clearTopicPermissions,
  },
  {
    name: 'list_topic_permissions',
    describe: 'list the topic permissions of all users in a virtual host',
    hasVhost: true,
    run: (call) => permissions(call, 'topic-permissions', ['user', ...TOPIC_PATTERNS]),
  },
  {
    name: 'list_user_topic_permissions',
    args: '<username>',
    describe: 'list the topic permissions of a user in all virtual hosts',
    run: (call) => permissionsOfUser(call, 'topic-permissions', ['vhost', ...TOPIC_PATTERNS]),
  },
  {
    name: 'set_vhost_limits',
    args: '<definition>',
    describe: 'set the limits of a virtual host: \'{"max-connections": 10, "max-queues": 100}\'',
    hasVhost: true,
    run: setLimits,
  },
  { name: 'clear_vhost_limits', describe: 'remove the limits of a virtual host', hasVhost: true, run: clearLimits },
  {
    name: 'list_vhost_limits',
    describe: 'list limits of virtual hosts',
    hasVhost: true,
    options: { global: { type: 'boolean', describe: 'of all virtual hosts' } },
    run: listLimits,
  },
]
