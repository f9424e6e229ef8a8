/**
 * From the protocol header to connection.open: start, secure, tune, open. Nothing but the method that is due is taken;
 * a client that does not get through in time is cut off.
 */

import { ReplyCode } from '../../protocol/constants.ts'
import { FrameError } from '../../protocol/errors.ts'
import { decodeFieldTable, encodeFieldTable, type FieldTable } from '../../protocol/field-table.ts'
import { decodeMethod } from '../../protocol/method-codec.ts'
import {
  type FromServer,
  METHODS,
  type Method,
  type MethodArguments,
  type MethodInput,
} from '../../protocol/methods.ts'
import { Reader } from '../../protocol/reader.ts'
import type { Admission, User, Verdict } from '../auth/authenticator.ts'
import type { Mechanism } from '../auth/logins/sasl.ts'
import type { Broker } from '../broker/broker.ts'
import { refuse } from '../broker/errors.ts'
import type { ClientRoom } from '../broker/limits/client-room.ts'
import type { Vhost } from '../broker/vhost.ts'
import type { Block } from '../lib/block.ts'
import type { Peer } from '../lib/peer.ts'
import type { ConnectionLog } from './connection-log.ts'
import {
  type AmqpContext,
  type ClientCapabilities,
  clientCapabilities,
  connectionName,
  NO_CAPABILITIES,
} from './context.ts'
import type { Failures } from './failures.ts'
import type { Phase } from './phase.ts'
import type { Reading } from './reading.ts'
import { checkTuning } from './tuning.ts'

/** RabbitMQ makes a client wait this long for the end of the connection when it will not say why. */
const SILENT_CLOSE_MS = 3000

const NO_PROPERTIES = encodeFieldTable(new Map())

/** What is due next, by RabbitMQ's names. While an authenticator thinks, nothing is. */
type Step = 'starting' | 'securing' | 'authenticating' | 'tuning' | 'opening' | 'done'

/** A connection, as its handshake knows it. */
export interface OpeningConnection {
  readonly peer: Peer
  readonly phase: Phase
  readonly log: ConnectionLog
  readonly failures: Failures
  readonly reading: Reading
  send<N extends FromServer>(channelId: number, name: N, args: MethodInput<N>): void
  /** `hold`: looks at no further frame before reading goes on. */
  readonly input: { hold(): void }
  tuned(frameMaxBytes: number, channelMax: number, heartbeatSec: number): void
  /** The user's credentials are valid for so long from now. */
  expireIn(ms: number): void
  opened(user: User, vhost: Vhost): void
  /** Its user has shown a new secret: what was known of the old one counts no longer. */
  renewed(admission: Admission): void
  /** It may end without a word, after a time. */
  readonly end: { closeSilently(afterMs: number): void }
}

/** What a server offers, and lets in. */
export type HandshakeContext = Pick<AmqpContext, 'logins' | 'limits' | 'serverProperties'> & {
  readonly broker: Pick<Broker, 'vhost' | 'access'> & { readonly clientRoom: Pick<ClientRoom, 'connectionRefusal'> }
}

export class Handshake {
  capabilities: ClientCapabilities = NO_CAPABILITIES
  #step: Step = 'starting'
  #mechanism: Mechanism | undefined
  #mechanismName = ''
  /** As the client sent them: decoded, they may take twenty times as much. */
  #clientProperties = NO_PROPERTIES
  #user: User | undefined
  readonly #connection: OpeningConnection
  readonly #context: HandshakeContext

  constructor(connection: OpeningConnection, context: HandshakeContext) {
    this.#connection = connection
    this.#context = context
  }

  get isDone(): boolean {
    return this.#step === 'done'
  }

  /** The SASL mechanism that the client has chosen. */
  get mechanismName(): string {
    return this.#mechanismName
  }

  /** What the client says of itself. */
  get clientProperties(): FieldTable {
    return decodeFieldTable(new Reader(this.#clientProperties))
  }

  get userName(): string | undefined {
    return this.#user?.name
  }

  /** One of the server's own users is another one now. Who the client is from then on, if that changes it. */
  userChanged(before: User, now: User): User | undefined {
    const user = this.#user && this.#context.logins.successor(this.#user, before, now)
    if (user !== undefined) this.#user = user
    return user
  }

  start(): void {
    this.#connection.send(0, 'connection.start', {
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: this.#context.serverProperties,
      mechanisms: this.#context.logins.offered(this.#connection.peer).join(' '),
      locales: 'en_US',
    })
  }

  method(block: Block, start: number, end: number): void {
    const method = decodeMethod(block.bytes, start, end)
    if (this.#step === 'starting' && method.name === 'connection.start-ok') this.#startOk(method.args)
    else if (this.#step === 'securing' && method.name === 'connection.secure-ok') this.#respond(method.args.response)
    else if (this.#step === 'tuning' && method.name === 'connection.tune-ok') this.#tuneOk(method.args)
    else if (this.#step === 'opening' && method.name === 'connection.open') this.#open(method.args.virtualHost)
    else this.#unexpected(method)
  }

  /** connection.update-secret, once the connection is open: for authenticators whose credentials expire. */
  async updateSecret(secret: Buffer): Promise<void> {
    const connection = this.#connection
    // One secret at a time: what it takes to check them is bounded.
    connection.reading.pause('authentication')
    connection.input.hold()
    try {
      const user = this.#user as User // set when it was admitted
      const verdict = await this.#context.logins.renew(user, secret)
      if (connection.phase !== 'open') return
      if ('refusal' in verdict) {
        connection.log.write('warn', 'a new secret was refused', { reason: verdict.refusal })
        connection.failures.fail(ReplyCode.NOT_ALLOWED, refuse.secretRefused().message, 10, 70)
        return
      }
      this.#user = verdict.user
      connection.send(0, 'connection.update-secret-ok', {})
      connection.renewed(verdict)
    } catch (error) {
      connection.failures.failWith(error)
    } finally {
      connection.reading.resume('authentication')
    }
  }

  #startOk({ clientProperties, mechanism, response }: MethodArguments<'connection.start-ok'>): void {
    this.capabilities = clientCapabilities(clientProperties)
    this.#clientProperties = encodeFieldTable(clientProperties)
    this.#connection.log.name = connectionName(clientProperties)
    this.#mechanismName = mechanism
    this.#mechanism = this.#context.logins.mechanism(mechanism, this.#connection.peer)
    if (this.#mechanism === undefined) {
      this.#refuseSilently(`unknown mechanism '${mechanism.slice(0, 64)}'`)
      return
    }
    if (this.#mechanism.takesChallenge && response.length === 0) {
      this.#step = 'securing'
      this.#connection.send(0, 'connection.secure', { challenge: '' })
      return
    }
    this.#respond(response)
  }

  #respond(response: Buffer): void {
    this.#step = 'authenticating'
    const mechanism = this.#mechanism as Mechanism // set by start-ok
    const verdict = this.#context.logins.attempt(mechanism, response, this.#connection.peer)
    if (verdict === undefined) {
      this.#refuseSilently(`malformed response to mechanism '${this.#mechanismName}'`)
    } else if (verdict instanceof Promise) {
      this.#wait(verdict, (settled) => this.#admit(settled))
    } else this.#admit(verdict)
  }

  /** Looks at nothing more of what the client sends until the answer is there. */
  #wait<T>(answer: Promise<T>, act: (settled: T) => void): void {
    const connection = this.#connection
    connection.reading.pause('authentication')
    connection.input.hold()
    answer
      .then((settled) => {
        // The client may be gone, or the server stopping, by now.
        if (connection.phase === 'handshake') act(settled)
        connection.reading.resume('authentication')
      })
      .catch((error: unknown) => connection.failures.failWith(error))
  }

  #admit(verdict: Verdict): void {
    if ('refusal' in verdict) {
      this.#refuseLogin(verdict.refusal)
      return
    }
    this.#user = verdict.user
    if (verdict.expiresInMs !== undefined) this.#connection.expireIn(verdict.expiresInMs)
    this.#step = 'tuning'
    const { channelMax, frameMaxBytes, heartbeatSec } = this.#context.limits
    this.#connection.send(0, 'connection.tune', { channelMax, frameMax: frameMaxBytes, heartbeat: heartbeatSec })
  }

  #refuseLogin(reason: string): void {
    if (!this.capabilities.authenticationFailureClose) {
      this.#refuseSilently(reason)
      return
    }
    this.#connection.log.ended('warn', 'login refused', { reason })
    const text = `Login was refused using authentication mechanism ${this.#mechanismName}. For details see the broker logfile.`
    this.#connection.failures.fail(403, text, 0, 0)
  }

  #refuseSilently(reason: string): void {
    this.#connection.log.ended('warn', 'login refused', { reason })
    this.#connection.end.closeSilently(SILENT_CLOSE_MS)
  }

  #tuneOk(args: MethodArguments<'connection.tune-ok'>): void {
    checkTuning(args, this.#context.limits)
    this.#step = 'opening'
    this.#connection.tuned(args.frameMax, args.channelMax, args.heartbeat)
  }

  /** `isAllowed` is what the authorizer has answered; it is asked last. */
  #open(vhostName: string, isAllowed?: boolean): void {
    const vhost = this.#context.broker.vhost(vhostName)
    if (vhost === undefined) {
      this.#connection.failures.fail(530, refuse.missingVhost(vhostName).message, 10, 40)
      return
    }
    const user = this.#user as User // set when it was admitted
    const refusal = this.#context.broker.clientRoom.connectionRefusal(vhost, user.name)
    if (refusal !== undefined) {
      this.#connection.failures.fail(ReplyCode.NOT_ALLOWED, refusal.message, 10, 40)
      return
    }
    const { access } = this.#context.broker
    const answer = isAllowed ?? access.of(user, vhostName).vhostAccess(this.#connection.peer.address)
    if (answer instanceof Promise) {
      const { renewals } = access
      this.#wait(
        answer.catch(() => false),
        // An answer counts no longer once others have changed.
        (settled) => this.#open(vhostName, renewals === access.renewals ? settled : undefined),
      )
      return
    }
    if (!answer) {
      this.#connection.failures.fail(ReplyCode.NOT_ALLOWED, refuse.noVhostAccess(vhostName, user.name).message, 10, 40)
      return
    }
    this.#step = 'done'
    this.#connection.send(0, 'connection.open-ok', {})
    this.#connection.opened(user, vhost)
  }

  #unexpected(method: Method): void {
    throw unexpectedMethod(this.#step === 'authenticating' ? 'securing' : this.#step, method)
  }
}

/** `state` is one of RabbitMQ's: starting, securing, tuning, opening, running. */
export function unexpectedMethod(state: string, { name }: Method): FrameError {
  const { classId, methodId } = METHODS[name]
  return new FrameError(504, `unexpected method in connection state ${state}`, classId, methodId)
}
