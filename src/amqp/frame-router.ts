/**
 * Takes each frame of a connection to its receiver: the handshake, channel 0 or a channel; some have none. Errors end here:
 * each closes its channel or the connection, and the frames that follow are looked at as usual.
 */
import { BASIC_ACK, BASIC_NACK, BASIC_REJECT, SETTLE_PAYLOAD_BYTES } from '../../protocol/basic-fast-path.ts'
import {
  BASIC_CLASS_ID,
  CONTENT_HEADER_BYTES_MIN,
  FRAME_BODY,
  FRAME_HEADER,
  FRAME_METHOD,
  PUBLISH_METHOD_ID,
} from '../../protocol/constants.ts'
import { unexpectedFrame, unknownFrame } from '../../protocol/errors.ts'
import type { FrameSink, PublishInPlace } from '../../protocol/frame-scanner.ts'
import { decodeMethod } from '../../protocol/method-codec.ts'
import type { Method } from '../../protocol/methods.ts'
import { allocateBlock, type Block, copyBytes } from '../lib/block.ts'
import { LONG_WORK, type Turn } from '../lib/turn.ts'
import type { Channel } from './channel.ts'
import { methodExpected } from './channel-content.ts'
import type { Channels } from './channels.ts'
import type { ConnectionEnd } from './connection-end.ts'
import { dispatchConnectionMethod, dispatchMethod } from './dispatch.ts'
import type { Failures } from './failures.ts'
import type { Handshake } from './handshake.ts'
import type { Intake } from './intake.ts'
import type { Phase } from './phase.ts'
import { failOrWait, failOrWaitToOpen } from './waiting-decision.ts'

const CONNECTION_CLOSE = 0x000a0032
const CONNECTION_CLOSE_OK = 0x000a0033

/** A connection, as the frames that it is sent know it. */
export interface FramedConnection {
  readonly phase: Phase
  readonly channels: Channels
  readonly handshake: Handshake
  readonly failures: Failures
  readonly intake: Intake
  readonly end: ConnectionEnd
  /** If it was to be closed by us in a later turn, it is now. */
  closeStopped(): void
  /** `hold`: looks at no further frame before reading goes on. `carryOut`: what had to wait, as a piece of input of its own. */
  readonly input: { hold(): void; carryOut(act: () => void): void }
}

export class FrameRouter implements FrameSink {
  readonly #connection: FramedConnection
  readonly #turn: Turn

  constructor(connection: FramedConnection, turn: Turn) {
    this.#connection = connection
    this.#turn = turn
  }

  publish(block: Block, publish: PublishInPlace): void {
    const connection = this.#connection
    const channel = connection.channels.open[publish.channel]
    if (channel === undefined || connection.phase !== 'open') {
      this.#methodOutside(publish.channel, block, publish.keyStart - 6, publish.keyEnd + 1)
      return
    }
    if (channel.isClosing) return
    connection.intake.hasPublished = true
    try {
      channel.publishInPlace(block, publish)
    } catch (error) {
      publishFailed(channel, error, publish.bits)
    }
    if (this.#turn.spend(1)) connection.input.hold()
  }

  method(channelId: number, block: Block, start: number, end: number): void {
    const connection = this.#connection
    const channel = connection.channels.open[channelId]
    if (channel === undefined || connection.phase !== 'open') {
      this.#methodOutside(channelId, block, start, end)
      return
    }
    const id = end - start < 4 ? 0 : block.view.getUint32(start)
    try {
      if ((id === BASIC_ACK || id === BASIC_NACK || id === BASIC_REJECT) && end - start === SETTLE_PAYLOAD_BYTES) {
        if (channel.isClosing) return
        channel.content.expectMethod()
        channel.settling.settle(id, block, start)
      } else {
        dispatchMethod(channel, block, start, end)
        this.#turn.spend(LONG_WORK)
      }
    } catch (error) {
      methodFailed(channel, error, id, block, start, end)
    }
    if (this.#turn.spend(1)) connection.input.hold()
  }

  header(channelId: number, block: Block, start: number, end: number): void {
    this.#content(channelId, FRAME_HEADER, block, start, end)
  }

  body(channelId: number, block: Block, start: number, end: number): void {
    this.#content(channelId, FRAME_BODY, block, start, end)
  }

  heartbeat(): void {}

  publishHeld(): void {
    this.#connection.intake.publishHeld()
  }

  methodHeld(): void {
    this.#turn.putOff()
  }

  /** A method that no open channel takes: the handshake's, channel 0's, or one that must not be. */
  #methodOutside(channelId: number, block: Block, start: number, end: number): void {
    const connection = this.#connection
    connection.closeStopped()
    try {
      if (connection.phase === 'closing') this.#methodWhileClosing(channelId, block, start, end)
      else if (connection.phase === 'handshake') {
        if (channelId !== 0) throw unexpectedFrame(FRAME_METHOD, block.bytes, start, end)
        connection.handshake.method(block, start, end)
      } else if (connection.phase === 'open' && channelId === 0) dispatchConnectionMethod(connection, block, start, end)
      else if (connection.phase === 'open') openChannel(connection, channelId, decodeMethod(block.bytes, start, end))
    } catch (error) {
      connection.failures.failWith(error)
    }
    if (this.#turn.spend(LONG_WORK)) connection.input.hold()
  }

  #content(channelId: number, type: number, block: Block, start: number, end: number): void {
    const connection = this.#connection
    if (connection.phase !== 'open') {
      connection.closeStopped()
      if (connection.phase === 'closing' || connection.phase === 'closed') return
    }
    if (type === FRAME_HEADER && end - start < CONTENT_HEADER_BYTES_MIN && connection.phase === 'open') {
      connection.failures.failWith(unknownFrame(type, block.bytes, start, end))
      return
    }
    const channel = connection.phase === 'open' ? connection.channels.open[channelId] : undefined
    if (channel === undefined) {
      const isClosedChannel = connection.phase === 'open' && channelId !== 0
      connection.failures.failWith(isClosedChannel ? methodExpected() : unexpectedFrame(type, block.bytes, start, end))
      return
    }
    if (channel.isClosing) return
    try {
      if (type === FRAME_HEADER) channel.contentHeader(block, start, end)
      else channel.contentBody(block, start, end)
    } catch (error) {
      publishFailed(channel, error, channel.content.bits)
    }
    if (this.#turn.spend(1)) connection.input.hold()
  }

  #methodWhileClosing(channelId: number, block: Block, start: number, end: number): void {
    const connection = this.#connection
    if (channelId !== 0 || end - start < 4) return
    const id = block.view.getUint32(start)
    if (id === CONNECTION_CLOSE_OK) connection.end.closeNow()
    else if (id === CONNECTION_CLOSE) connection.end.confirmClose()
  }
}

function openChannel(connection: FramedConnection, channelId: number, method: Method): void {
  const { channels } = connection
  const open = (): void => channels.openWith(channelId, method)
  try {
    open()
  } catch (error) {
    failOrWaitToOpen(connection, channels.access?.session, error, open)
  }
}

// Functions of their own: what a closure holds is allocated whenever its function is called, and those above are for every message.

function publishFailed(channel: Channel, error: unknown, bits: number): void {
  failOrWait(channel, error, BASIC_CLASS_ID, PUBLISH_METHOD_ID, () => channel.publishAgain(bits))
}

function methodFailed(channel: Channel, error: unknown, id: number, block: Block, start: number, end: number): void {
  failOrWait(channel, error, id >>> 16, id & 0xffff, () => methodAgain(channel, block, start, end))
}

/** A method that has to wait: its bytes are read over meanwhile. */
function methodAgain(channel: Channel, block: Block, start: number, end: number): () => void {
  const kept = allocateBlock(end - start)
  copyBytes(kept, 0, block, start, end)
  return () => dispatchMethod(channel, kept, 0, kept.size)
}
