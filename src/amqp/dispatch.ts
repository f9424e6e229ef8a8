/** Methods of an open connection, from their bytes to the handler that carries them out. */

import { BASIC_PUBLISH, ReplyCode } from '../../protocol/constants.ts'
import { FrameError } from '../../protocol/errors.ts'
import { decodeMethod } from '../../protocol/method-codec.ts'
import { METHODS, type Method, type MethodName } from '../../protocol/methods.ts'
import type { Block } from '../lib/block.ts'
import type { Channel } from './channel.ts'
import { basicHandlers } from './handlers/basic.ts'
import { channelHandlers } from './handlers/channel.ts'
import { confirmHandlers } from './handlers/confirm.ts'
import { exchangeHandlers } from './handlers/exchange.ts'
import type { Handler } from './handlers/handler.ts'
import { queueHandlers } from './handlers/queue.ts'
import { txHandlers } from './handlers/tx.ts'
import { type Handshake, unexpectedMethod } from './handshake.ts'

const KEY_OFFSET = 6

/** Names of the methods that clients send on a channel, except those with a path of their own. */
type ChannelMethod = {
  [N in MethodName]: (typeof METHODS)[N]['sentBy'] extends 'client' | 'both'
    ? N extends `connection.${string}` | 'channel.open' | 'channel.close-ok' | 'basic.publish' | HandledByHand | Unasked
      ? never
      : N
    : never
}[MethodName]
/** basic-fast-path reads these three; malformed ones end in the table-driven codec, which refuses them. */
type HandledByHand = 'basic.ack' | 'basic.nack' | 'basic.reject'
/** Answers to what a broker may ask: this one never does, so that they are refused like any method of a broker. */
type Unasked = 'basic.cancel-ok' | 'channel.flow-ok'

/** One handler for each; leaving one out does not compile. */
type Handlers = { readonly [N in ChannelMethod]: Handler<N> }

const HANDLERS: Handlers = {
  ...basicHandlers,
  ...channelHandlers,
  ...confirmHandlers,
  ...exchangeHandlers,
  ...queueHandlers,
  ...txHandlers,
}

/** Carries out a method frame's payload on its channel. */
export function dispatchMethod(channel: Channel, block: Block, start: number, end: number): void {
  const isPublish = end - start > KEY_OFFSET && block.view.getUint32(start) === BASIC_PUBLISH
  if (isPublish && !channel.isClosing && isWholePublish(block, start + KEY_OFFSET, end)) {
    startPublish(channel, block, start, end)
    return
  }
  const method = decodeMethod(block.bytes, start, end)
  if (channel.isClosing) {
    whileClosing(channel, method)
    return
  }
  if (isPublish) {
    startPublish(channel, block, start, end)
    return
  }
  channel.content.expectMethod()
  if (method.name === 'channel.open') throw openTwice()
  if (!isHandled(method.name)) {
    const { classId, methodId } = METHODS[method.name]
    throw new FrameError(503, 'unimplemented method', classId, methodId)
  }
  // Name and arguments belong together, which the compiler cannot follow through the look-up.
  const handle = HANDLERS[method.name] as Handler<MethodName>
  channel.connection.answers.carryOut(() => handle(channel, method.args as never))
}

/** Whether exchange, routing key and the octet of bits are all there is. */
function isWholePublish({ bytes }: Block, keyStart: number, end: number): boolean {
  const routingKey = keyStart + 1 + (bytes[keyStart] as number)
  return routingKey < end && routingKey + 1 + (bytes[routingKey] as number) + 1 === end
}

function startPublish(channel: Channel, block: Block, start: number, end: number): void {
  channel.content.expectMethod()
  channel.connection.intake.hasPublished = true
  channel.content.begin(block, start + KEY_OFFSET, end - 1)
}

function openTwice(): FrameError {
  const { classId, methodId } = METHODS['channel.open']
  return new FrameError(ReplyCode.CHANNEL_ERROR, "second 'channel.open' seen", classId, methodId)
}

function isHandled(name: MethodName): name is ChannelMethod {
  return Object.hasOwn(HANDLERS, name)
}

// A close of the client's that crossed ours is answered; our own is over when it is answered, and not before.
function whileClosing(channel: Channel, method: Method): void {
  if (method.name === 'channel.open') throw openTwice()
  if (method.name === 'channel.close-ok') channel.connection.channels.remove(channel)
  else if (method.name === 'channel.close') channel.connection.send(channel.id, 'channel.close-ok', {})
}

/** A connection that is open, as the methods on channel 0 know it. */
interface OpenConnection {
  readonly handshake: Handshake
  /** The client may close it. */
  readonly end: { closedByClient(): void }
}

/** Carries out a method on channel 0. */
export function dispatchConnectionMethod(connection: OpenConnection, block: Block, start: number, end: number): void {
  const method = decodeMethod(block.bytes, start, end)
  if (method.name === 'connection.close') connection.end.closedByClient()
  else if (method.name === 'connection.update-secret') void connection.handshake.updateSecret(method.args.newSecret)
  else throw unexpectedMethod('running', method)
}
