/** Declaring and deleting exchanges, with RabbitMQ's checks in RabbitMQ's order. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { refuse } from '../errors.ts'
import type { Exchange } from '../exchanges/exchange.ts'
import { type ExchangeTypeName, isExchangeType } from '../exchanges/types/exchange-types.ts'
import { fieldTypeName, textValue } from '../fields.ts'
import { exchangeBytes } from '../memory/topology-bytes.ts'
import { argumentText, entityName, isReserved } from '../names.ts'
import type { Session } from '../session.ts'
import type { Vhost } from '../vhost.ts'

export interface ExchangeDeclaration {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: FieldTable
}

/** Throws BrokerError when the default exchange is named: nothing may be done to it. */
export function refuseDefaultExchange(name: string): void {
  if (name === '') throw refuse.defaultExchange()
}

/** Throws BrokerError. */
export function declareExchange(vhost: Vhost, declaration: ExchangeDeclaration, session: Session): Exchange {
  const type = requireType(declaration.type)
  const name = entityName(declaration.name)
  refuseDefaultExchange(name)
  session.require('configure', 'exchange', name)
  vhost.unbindings.requireGone('exchange', name)
  const existing = vhost.exchange(name)
  if (existing !== undefined) {
    vhost.unbindings.requireStays(existing)
    checkEquivalence(existing, declaration)
    return existing
  }
  if (isReserved(name)) throw refuse.reservedName('exchange', name)
  const alternate = declaration.arguments.get('alternate-exchange')
  if (alternate !== undefined && alternate.type !== 'S') {
    throw refuse.invalidArgumentType(fieldTypeName(alternate), 'alternate-exchange', ['exchange', name, vhost.name])
  }
  const alternateName = textValue(alternate)
  if (alternateName !== undefined) {
    session.require('read', 'exchange', name)
    session.require('write', 'exchange', alternateName)
  }
  vhost.removals.checkRoom(session, {
    ofVhost: () => vhost.limits.checkExchange(name, vhost.exchangeCount),
    ofAll: () => {
      vhost.nodeLimits.checkExchange(name, vhost.name)
      if (vhost.topology.hasRoomFor(exchangeBytes({ name, user: session.declarer, arguments: declaration.arguments })))
        return
      throw refuse.topologyFull('declare', 'exchange', name, vhost.name)
    },
  })
  return vhost.addExchange({ ...declaration, name, type, user: session.declarer })
}

/** exchange.declare with the passive bit: only asks whether it is there, which takes any permission on it. */
export function passiveExchange(vhost: Vhost, name: string, session: Session): Exchange {
  const plainName = entityName(name)
  refuseDefaultExchange(plainName)
  session.requireAny('exchange', plainName)
  const exchange = vhost.requireExchange(plainName)
  vhost.unbindings.requireStays(exchange)
  return exchange
}

/** Deleting what is not there is no error. */
export function deleteExchange(vhost: Vhost, name: string, ifUnused: boolean, session: Session): void {
  const plainName = entityName(name)
  refuseDefaultExchange(plainName)
  if (isReserved(plainName)) throw refuse.predeclared('exchange', plainName, vhost.name)
  session.require('configure', 'exchange', plainName)
  const exchange = vhost.exchange(plainName)
  if (exchange === undefined) return
  if (ifUnused && exchange.outgoing.size > 0) {
    vhost.unbindings.requireKnownUse(exchange)
    throw refuse.inUse('exchange', plainName, vhost.name)
  }
  vhost.removeExchange(exchange)
}

function requireType(type: string): ExchangeTypeName {
  if (!isExchangeType(type)) throw refuse.unknownExchangeType(type)
  return type
}

function checkEquivalence(exchange: Exchange, declaration: ExchangeDeclaration): void {
  const flags = [
    ['type', declaration.type, exchange.type],
    ['durable', declaration.durable, exchange.durable],
    ['auto_delete', declaration.autoDelete, exchange.autoDelete],
    ['internal', declaration.internal, exchange.internal],
  ] as const
  const resource = ['exchange', exchange.name, exchange.vhostName] as const
  for (const [flag, received, current] of flags) {
    if (received !== current) throw refuse.inequivalent(flag, resource, `'${received}'`, `'${current}'`)
  }
  checkArgumentEquivalence(['alternate-exchange'], resource, declaration.arguments, exchange.arguments)
}

/** Compares the named arguments by value; the first that differs is named in the refusal. */
export function checkArgumentEquivalence(
  names: Iterable<string>,
  resource: readonly ['queue' | 'exchange', string, string],
  received: FieldTable,
  current: FieldTable,
): void {
  for (const name of names) {
    const texts = argumentText(received.get(name), current.get(name))
    if (texts !== undefined) throw refuse.inequivalent(name, resource, texts.received, texts.current)
  }
}
