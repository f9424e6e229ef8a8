/** Makes the entities of the model again, of the records that `DurableEntities` has kept of them. */
import type { ResourceKind } from './errors.ts'
import { createBinding } from './exchanges/binding.ts'
import { isExchangeType } from './exchanges/types/exchange-types.ts'
import { textValue } from './fields.ts'
import { isPolicyKind, makePolicy } from './policies/policy.ts'
import { queueKindNamed } from './queues/queue-kinds.ts'
import { LOGS_BESIDE, type LogsBeside } from './queues/queue-logs.ts'
import type { RecordLayout, RecordReader } from './record-fields.ts'
import type { Vhost } from './vhost.ts'

/** The fields of the records, where they are read. What is not often there is in none of them; older versions kept no user. */
export const EXCHANGE_LAYOUT: RecordLayout = [
  ['type', 'S'],
  ['autoDelete', 't'],
  ['internal', 't'],
  ['arguments', 'F'],
  ['user', 'S', 'optional'],
]
export const QUEUE_LAYOUT: RecordLayout = [
  ['id', 'l'],
  ['autoDelete', 't'],
  ['arguments', 'F'],
  ['user', 'S', 'optional'],
]
export const BINDING_LAYOUT: RecordLayout = [
  ['kind', 'S'],
  ['destination', 'S'],
  ['routingKey', 'S'],
  ['arguments', 'F'],
]

/** Finds a vhost, or makes it: one whose record was lost is there again with the first of what is in it. */
export type FindVhost = (name: string) => Vhost

export type Restore = (vhost: FindVhost, key: readonly string[], fields: RecordReader) => void

export const restoreVhost: Restore = (find, key, fields) => {
  const vhost = find(nameIn(key, 0))
  vhost.isGoing = fields.field('going')?.value === true
  const type = fields.field('defaultQueueType')
  if (type?.type === 'S') vhost.setDefaultQueueType(queueKindNamed(String(type.value)))
  const [description, tags] = [fields.field('description'), fields.field('tags')]
  vhost.setMetadata({
    description: textValue(description) ?? '',
    tags: tags?.type === 'A' ? tags.value.map((tag) => textValue(tag) ?? '') : [],
    isProtected: fields.field('protected')?.value === true,
  })
}

export const restorePolicy: Restore = (vhost, key, fields) => {
  const kind = nameIn(key, 1)
  const priority = fields.field('priority')
  if (!isPolicyKind(kind)) throw new Error(`there is no kind '${kind}' of policies`)
  // What makes no sense must not bring back a virtual host.
  const policy = makePolicy(kind, nameIn(key, 2), {
    pattern: fields.text('pattern'),
    applyTo: fields.text('applyTo'),
    priority: priority?.type === 'd' ? priority.value : undefined,
    definition: JSON.parse(fields.text('definition')),
  })
  vhost(nameIn(key, 0)).policies.put(kind, policy)
}

export const restoreExchange: Restore = (vhost, key, fields) => {
  const type = fields.text('type')
  if (!isExchangeType(type)) throw new Error(`unknown exchange type '${type}'`)
  vhost(nameIn(key, 0)).addExchange({
    name: nameIn(key, 1),
    type,
    durable: true,
    autoDelete: fields.flag('autoDelete'),
    internal: fields.flag('internal'),
    arguments: fields.table('arguments'),
    user: fields.optionalText('user'),
  })
}

export const restoreQueue: Restore = (vhost, key, fields) => {
  const logIds = [fields.number('id'), ...fields.numbers('moreIds')]
  vhost(nameIn(key, 0)).addQueue(
    {
      name: nameIn(key, 1),
      durable: true,
      autoDelete: fields.flag('autoDelete'),
      arguments: fields.table('arguments'),
      hasExpirations: fields.flag('expirations'),
      owner: undefined,
      user: fields.optionalText('user'),
    },
    logIds,
    logsBeside(fields),
  )
}

function logsBeside(fields: RecordReader): LogsBeside | undefined {
  let found: LogsBeside | undefined
  for (const purpose of LOGS_BESIDE) {
    const id = fields.field(purpose)
    if (id?.type === 'l') found = { ...found, [purpose]: Number(id.value) }
  }
  return found
}

export const restorePausedQueue: Restore = (vhost, key) => {
  vhost(nameIn(key, 0)).requireQueue(nameIn(key, 1)).isPaused = true
}

/** Of a queue or an exchange that was removed: its bindings were going when the broker stopped. */
export const restoreUnbinding: Restore = (vhost, key) => {
  vhost(nameIn(key, 0)).unbindings.foundUnfinished(kindNamed(nameIn(key, 1)), nameIn(key, 2))
}

export const restoreBinding: Restore = (findVhost, key, fields) => {
  const name = fields.text('destination')
  const kind = kindNamed(fields.text('kind'))
  const vhost = findVhost(nameIn(key, 0))
  const sourceName = nameIn(key, 1)
  if (vhost.unbindings.isLeftOver(sourceName, kind, name, vhost.exchange(sourceName))) {
    vhost.entities.leftOverBindingRemoved(key)
    return
  }
  const source = vhost.requireExchange(sourceName)
  const destination = kind === 'queue' ? vhost.requireQueue(name) : vhost.requireExchange(name)
  const [routingKey, bindingArguments] = [fields.text('routingKey'), fields.table('arguments')]
  vhost.addBinding(createBinding(source, destination, routingKey, bindingArguments, nameIn(key, 2)))
}

export function nameIn(key: readonly string[], at: number): string {
  const name = key[at]
  if (name === undefined) throw new Error('its key is too short')
  return name
}

function kindNamed(name: string): ResourceKind {
  return name === 'queue' ? 'queue' : 'exchange'
}
