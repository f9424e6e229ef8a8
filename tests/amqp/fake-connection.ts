import { ConnectionLog } from '../../src/amqp/connection-log.ts'
import { type ClientCapabilities, NO_CAPABILITIES } from '../../src/amqp/context.ts'
import { type FailingConnection, Failures } from '../../src/amqp/failures.ts'
import type { OpeningConnection } from '../../src/amqp/handshake.ts'
import type { TakingConnection } from '../../src/amqp/intake.ts'
import type { Phase } from '../../src/amqp/phase.ts'
import { Reading } from '../../src/amqp/reading.ts'
import type { Admission, User } from '../../src/auth/authenticator.ts'
import type { Vhost } from '../../src/broker/vhost.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { RareLines } from '../../src/lib/rare-lines.ts'

/** What a part of a connection asks of the rest of it, in order, one line each. */
export class FakeConnection implements OpeningConnection, TakingConnection, FailingConnection {
  readonly id = 1
  readonly peer = { address: '127.0.0.1', port: 1, listener: 'amqp', isEncrypted: false, certificate: undefined }
  phase: Phase = 'handshake'
  clientCapabilities: ClientCapabilities = NO_CAPABILITIES
  isInputHeld = false
  bytesReceived = 0
  journal: { stagedCount: number; isCongested: boolean; trouble: string | undefined } = {
    stagedCount: 0,
    isCongested: false,
    trouble: undefined,
  }
  readonly log = new ConnectionLog(new RareLines(silentLogger), 1, '127.0.0.1:1')
  readonly failures = new Failures(this, new RareLines(silentLogger))
  readonly reading = new Reading({ pause: () => this.#note('pause'), resume: () => this.#note('resume') })
  readonly input = { hold: () => this.#note('hold') }
  readonly end = { closeSilently: (afterMs: number) => this.#endSilently(afterMs) }
  #events: string[] = []

  /** What has happened since the last call. */
  events(): string[] {
    const events = this.#events
    this.#events = []
    return events
  }

  send(_channelId: number, name: string, args: object): void {
    const reason = 'reason' in args ? ` ${args.reason}` : ''
    this.#note(`send ${name}${reason}`)
  }

  tuned(frameMaxBytes: number, channelMax: number, heartbeatSec: number): void {
    this.#note(`tuned ${frameMaxBytes} ${channelMax} ${heartbeatSec}`)
  }

  expireIn(ms: number): void {
    this.#note(`expires in ${ms} ms`)
  }

  renewed({ user, expiresInMs }: Admission): void {
    this.#note(`renewed ${user.name} ${expiresInMs}`)
  }

  opened(user: User, vhost: Vhost): void {
    this.phase = 'open'
    this.#note(`opened ${user.name} ${vhost.name}`)
  }

  closeWith(code: number, text: string): void {
    this.phase = 'closing'
    this.#note(`close ${code} ${text}`)
  }

  destroy(): void {
    this.phase = 'closed'
    this.#note('destroy')
  }

  broken(error: unknown): void {
    this.#note(`broken ${String(error)}`)
  }

  #endSilently(afterMs: number): void {
    this.phase = 'closed'
    this.#note(`silent for ${afterMs} ms`)
  }

  #note(event: string): void {
    this.#events.push(event)
  }
}
