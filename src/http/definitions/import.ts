/**
 * Imports definitions that were looked through: what makes no sense as a whole changes nothing. Each object is made, in RabbitMQ's
 * order; one that is refused does not stop the others, and the answer tells of all that were refused.
 */
import type { PlainTable } from '../../../protocol/field-table-plain.ts'
import type { JsonValue } from '../../broker/parameters/global-parameters.ts'
import type { EmbeddedBroker } from '../../embedded/embedded-broker.ts'
import { Pacer } from '../../lib/pacer.ts'
import { ApiError, asApiError, badRequest } from '../api-error.ts'
import { flagIn, objectIn, textIn } from '../body.ts'
import type { JsonObject } from '../json.ts'
import type { ManagedServer } from '../managed-server.ts'
import { policyIn, setParameter } from '../routes/policy-routes.ts'
import { setUser } from '../routes/user-routes.ts'
import { vhostOptionsIn } from '../routes/vhost-routes.ts'
import { type Definitions, SECTION_NAMES, type Section, shown } from './definitions.ts'

/** Problems that the answer names. */
const SHOWN_PROBLEMS = 20

/** Throws ApiError. What is declared is of this user; without one, of the server itself. */
export async function importDefinitions(server: ManagedServer, definitions: Definitions, user?: string): Promise<void> {
  const problems: string[] = []
  let problemCount = 0
  const pacer = new Pacer()
  for (const section of SECTION_NAMES) {
    for (const one of definitions.objects(section)) {
      try {
        await IMPORTS[section](server, one, user)
      } catch (error) {
        const known = asApiError(error)
        if (known === undefined) throw error
        if (++problemCount <= SHOWN_PROBLEMS) problems.push(`${section}: ${shown(one)}: ${known.message}`)
      }
      if (pacer.isLate) await pacer.rest()
    }
  }
  for (const name of server.virtualHosts.names()) await server.virtualHosts.get(name)?.whenDurable()
  if (problemCount === 0) return
  const more = problemCount > SHOWN_PROBLEMS ? ` (and ${problemCount - SHOWN_PROBLEMS} more)` : ''
  throw badRequest(`${problems.join('; ')}${more}`)
}

type Import = (server: ManagedServer, one: JsonObject, user: string | undefined) => Promise<void>

const IMPORTS: { readonly [section in Section]: Import } = {
  users: async (server, one) => await setUser(server, name(one), { tags: [], ...one }),
  vhosts: async (server, one) => {
    const metadata = objectIn(one, 'metadata')
    // RabbitMQ's exports say that they trace nothing.
    const options = vhostOptionsIn({ ...metadata, ...one, tracing: false }, server.virtualHosts.get(name(one)))
    await server.virtualHosts.whenDeleted(name(one))
    // Permissions are a section of their own.
    server.virtualHosts.create(name(one), { ...options, owner: '' })
  },
  permissions: async (server, one) => {
    const { configure, write, read } = one as Record<string, string>
    await vhostIn(server, one).permissions.set(text(one, 'user'), { configure, write, read } as Patterns)
  },
  topic_permissions: async (server, one) => {
    const patterns = { write: text(one, 'write'), read: text(one, 'read') }
    await vhostIn(server, one).permissions.setTopic(text(one, 'user'), text(one, 'exchange'), patterns)
  },
  global_parameters: async (server, one) => {
    await server.globalParameters.set(name(one), one.value as JsonValue) // it is JSON
  },
  policies: async (server, one) => await vhostIn(server, one).policies.set(name(one), policyIn(one)),
  parameters: async (server, one) =>
    await setParameter(vhostIn(server, one), text(one, 'component'), name(one), one.value),
  exchanges: async (server, one, user) => {
    const broker = vhostIn(server, one, user)
    // RabbitMQ: those that are there stay as they are.
    if (isReserved(name(one)) || broker.inventory.hasExchange(name(one))) return
    broker.declareExchange(name(one), text(one, 'type'), {
      durable: flagIn(one, 'durable', true),
      autoDelete: flagIn(one, 'auto_delete'),
      internal: flagIn(one, 'internal'),
      arguments: tableIn(one),
    })
  },
  queues: async (server, one, user) => {
    const broker = vhostIn(server, one, user)
    if (isReserved(name(one)) || broker.inventory.hasQueue(name(one))) return
    const type = textIn(one, 'type')
    const table = tableIn(one)
    const needsType = type !== undefined && type !== '' && type !== 'classic' && table['x-queue-type'] === undefined
    broker.declareQueue(name(one), {
      durable: flagIn(one, 'durable', true),
      autoDelete: flagIn(one, 'auto_delete'),
      arguments: needsType ? { ...table, 'x-queue-type': type } : table,
    })
  },
  bindings: async (server, one) => {
    const broker = vhostIn(server, one)
    const [source, destination, key] = [text(one, 'source'), text(one, 'destination'), text(one, 'routing_key')]
    if (one.destination_type === 'queue') {
      // RabbitMQ leaves out queues that it has named itself, and so what leads to them.
      if (isReserved(destination)) return
      broker.bindQueue(destination, source, key, tableIn(one))
    } else if (one.destination_type === 'exchange') broker.bindExchange(destination, source, key, tableIn(one))
    else throw badRequest('the destination of a binding is a queue or an exchange')
  },
}

interface Patterns {
  readonly configure: string
  readonly write: string
  readonly read: string
}

function isReserved(entity: string): boolean {
  return entity === '' || entity.startsWith('amq.')
}

function name(one: JsonObject): string {
  return text(one, 'name')
}

function text(one: JsonObject, key: string): string {
  const value = textIn(one, key)
  if (value === undefined) throw badRequest(`{key_missing,${key}}`)
  return value
}

function tableIn(one: JsonObject): PlainTable {
  return objectIn(one, 'arguments') as PlainTable // JSON is one
}

function vhostIn({ virtualHosts }: ManagedServer, one: JsonObject, user?: string): EmbeddedBroker {
  const vhost = text(one, 'vhost')
  const broker = user === undefined ? virtualHosts.get(vhost) : virtualHosts.inNameOf(user, vhost)
  if (broker === undefined) throw new ApiError(400, 'bad_request', `vhost ${vhost.slice(0, 80)} is not there`)
  return broker
}
