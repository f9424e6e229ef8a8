/** Binding and unbinding queues and exchanges. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { type ResourceKind, refuse } from '../errors.ts'
import { type Binding, createBinding, type Destination } from '../exchanges/binding.ts'
import type { Exchange } from '../exchanges/exchange.ts'
import { exchangeType } from '../exchanges/types/exchange-types.ts'
import { bindingBytes } from '../memory/topology-bytes.ts'
import { entityName } from '../names.ts'
import { isReplyAddress } from '../routing/reply-to.ts'
import type { Session } from '../session.ts'
import type { Vhost } from '../vhost.ts'
import { refuseDefaultExchange } from './exchange-declaration.ts'
import { ownQueue } from './queue-declaration.ts'

export interface BindingRequest {
  readonly source: string
  readonly destination: string
  readonly routingKey: string
  readonly arguments: FieldTable
}

/** Binds a queue to an exchange; twice is no error. Returns the binding. Throws BrokerError. */
export function bindQueue(vhost: Vhost, request: BindingRequest, session: Session): Binding {
  const { source, destination } = endsOf(vhost, 'queue', request, session)
  if (isReplyAddress(destination)) throw refuse.replyQueueBinding('queue', destination, vhost.name)
  const exchange = vhost.requireExchange(source)
  const queue = vhost.requireQueue(destination)
  checkBinding(exchange, request)
  return bind(vhost, exchange, ownQueue(vhost, queue.name, session), request, session)
}

/**
 * Takes a binding between a queue and an exchange away. RabbitMQ finds nothing wrong with one that is not there, be it that
 * its queue or its exchange is missing. Returns the binding in question, undefined when one of its ends is missing.
 * Throws BrokerError.
 */
export function unbindQueue(vhost: Vhost, request: BindingRequest, session: Session): Binding | undefined {
  const { source, destination } = endsOf(vhost, 'queue', request, session)
  const binding = bindingBetween(vhost.exchange(source), vhost.queue(destination), request)
  if (isBound(binding)) ownQueue(vhost, destination, session)
  return unbind(vhost, binding)
}

/** Binds an exchange to another; twice is no error. Returns the binding. Throws BrokerError. */
export function bindExchange(vhost: Vhost, request: BindingRequest, session: Session): Binding {
  const { source, destination } = endsOf(vhost, 'exchange', request, session)
  const exchange = vhost.requireExchange(source)
  const to = vhost.requireExchange(destination)
  checkBinding(exchange, request)
  return bind(vhost, exchange, to, request, session)
}

/** Takes a binding between two exchanges away, as `unbindQueue` does. */
export function unbindExchange(vhost: Vhost, request: BindingRequest, session: Session): Binding | undefined {
  const { source, destination } = endsOf(vhost, 'exchange', request, session)
  return unbind(vhost, bindingBetween(vhost.exchange(source), vhost.exchange(destination), request))
}

interface Ends {
  readonly source: string
  readonly destination: string
}

/** Throws BrokerError when the session may not bind them, or when they may not be bound at all. */
function endsOf(vhost: Vhost, kind: ResourceKind, request: BindingRequest, session: Session): Ends {
  const ends = { source: entityName(request.source), destination: entityName(request.destination) }
  session.require('write', kind, ends.destination)
  refuseDefaultExchange(ends.source)
  if (kind === 'exchange') refuseDefaultExchange(ends.destination)
  session.require('read', 'exchange', ends.source)
  const source = vhost.exchange(ends.source)
  if (source !== undefined) session.requireKey('read', source, request.routingKey)
  return ends
}

function checkBinding({ type }: Exchange, request: BindingRequest): void {
  exchangeType(type).checkBinding?.(request.arguments)
}

function bind(vhost: Vhost, source: Exchange, to: Destination, request: BindingRequest, session: Session): Binding {
  const binding = createBinding(source, to, request.routingKey, request.arguments)
  if (isBound(binding)) return binding
  vhost.removals.checkRoom(session, {
    ofVhost: () => vhost.limits.checkBinding(source.name, vhost.bindingCount),
    ofAll: () => {
      vhost.nodeLimits.checkBinding(source.name, vhost.name)
      if (vhost.topology.hasRoomFor(bindingBytes(binding))) return
      throw refuse.topologyFull('bind to', 'exchange', source.name, vhost.name)
    },
  })
  vhost.addBinding(binding)
  return binding
}

/** The binding that a request names, whether it is there or not. */
function bindingBetween(
  source: Exchange | undefined,
  to: Destination | undefined,
  { routingKey, arguments: bindingArguments }: BindingRequest,
): Binding | undefined {
  if (source === undefined || to === undefined) return undefined
  return createBinding(source, to, routingKey, bindingArguments)
}

function isBound(binding: Binding | undefined): boolean {
  return binding?.source.outgoing.has(binding.id) === true
}

function unbind(vhost: Vhost, binding: Binding | undefined): Binding | undefined {
  if (binding !== undefined) vhost.removeBinding(binding.source, binding.id)
  return binding
}
