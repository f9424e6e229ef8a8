/** Binding and unbinding queues and exchanges. */
import type { FieldTable } from '../../protocol/field-table.ts'
import { createBinding, type Destination } from './binding.ts'
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

/** Binds a queue to an exchange, or takes such a binding away. Both are idempotent. */
export function changeQueueBinding(vhost: Vhost, action: BindingAction, request: BindingRequest, user: object): void {
  refuseReplyQueue(vhost, request.destination)
  const source = entityName(request.source)
  refuseDefaultExchange(source)
  vhost.requireQueue(entityName(request.destination))
  const exchange = vhost.requireExchange(source)
  change(vhost, action, exchange, accessQueue(vhost, request.destination, user), request)
}

/** Binds an exchange to another, or takes such a binding away. Both are idempotent. */
export function changeExchangeBinding(vhost: Vhost, action: BindingAction, request: BindingRequest): void {
  const source = entityName(request.source)
  const destination = entityName(request.destination)
  refuseDefaultExchange(source)
  refuseDefaultExchange(destination)
  change(vhost, action, vhost.requireExchange(source), vhost.requireExchange(destination), request)
}

function change(vhost: Vhost, action: BindingAction, source: Exchange, to: Destination, request: BindingRequest): void {
  if (action === 'bind') exchangeType(source.type).checkBinding?.(request.arguments)
  const binding = createBinding(source, to, request.routingKey, request.arguments)
  if (action === 'bind') vhost.addBinding(binding)
  else vhost.removeBinding(source, binding.id)
}

function refuseReplyQueue(vhost: Vhost, name: string): void {
  if (name === REPLY_QUEUE || isReplyAddress(name)) throw refuse.replyQueueBinding('queue', name, vhost.name)
}
