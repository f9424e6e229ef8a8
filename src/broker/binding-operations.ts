/** Binding and unbinding queues and exchanges. */
import type { FieldTable } from '../../protocol/field-table.ts'
import { type Binding, createBinding, type Destination } from './binding.ts'
import { refuse } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { refuseDefaultExchange } from './exchange-declaration.ts'
import { exchangeType } from './exchange-types/exchange-types.ts'
import { entityName } from './names.ts'
import { accessQueue } from './queue-declaration.ts'
import { isReplyAddress, REPLY_QUEUE } from './reply-to.ts'
import type { Vhost } from './vhost.ts'

export interface BindingRequest {
  readonly source: string
  readonly destination: string
  readonly routingKey: string
  readonly arguments: FieldTable
}

export type BindingAction = 'bind' | 'unbind'

/** Binds a queue to an exchange, or takes such a binding away. Both are idempotent. Returns the binding in question. */
export function changeQueueBinding(
  vhost: Vhost,
  action: BindingAction,
  request: BindingRequest,
  user: object,
): Binding {
  refuseReplyQueue(vhost, request.destination)
  const source = entityName(request.source)
  refuseDefaultExchange(source)
  vhost.requireQueue(entityName(request.destination))
  const exchange = vhost.requireExchange(source)
  return change(vhost, action, exchange, accessQueue(vhost, request.destination, user), request)
}

/** The same for an exchange that is bound to another. */
export function changeExchangeBinding(vhost: Vhost, action: BindingAction, request: BindingRequest): Binding {
  const source = entityName(request.source)
  const destination = entityName(request.destination)
  refuseDefaultExchange(source)
  refuseDefaultExchange(destination)
  return change(vhost, action, vhost.requireExchange(source), vhost.requireExchange(destination), request)
}

function change(
  vhost: Vhost,
  action: BindingAction,
  source: Exchange,
  to: Destination,
  request: BindingRequest,
): Binding {
  if (action === 'bind') exchangeType(source.type).checkBinding?.(request.arguments)
  const binding = createBinding(source, to, request.routingKey, request.arguments)
  if (action === 'bind') vhost.addBinding(binding)
  else vhost.removeBinding(source, binding.id)
  return binding
}

function refuseReplyQueue(vhost: Vhost, name: string): void {
  if (name === REPLY_QUEUE || isReplyAddress(name)) throw refuse.replyQueueBinding('queue', name, vhost.name)
}
