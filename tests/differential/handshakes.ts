// Log-ins that go wrong, or get so far and then say something else.
import type { MethodArguments, MethodName } from '../support/wire-methods.ts'
import type { LoginOptions } from './client.ts'

interface Handshake {
  readonly login: Partial<LoginOptions>
  /** What is said then. */
  readonly says?: readonly (readonly [channel: number, method: MethodName, args?: MethodArguments])[]
}

export const HANDSHAKES = {
  plain: { login: {} },
  amqplain: { login: { mechanism: 'AMQPLAIN' } },
  'vhost that is missing': { login: { vhost: 'missing' } },
  'vhost without a name': { login: { vhost: '' } },
  'wrong password': { login: { password: 'wrong' } },
  'empty password': { login: { password: '' } },
  'wrong password by amqplain': { login: { mechanism: 'AMQPLAIN', password: 'wrong' } },
  'no limit of channels': { login: { tune: { channelMax: 0 } } },
  'too many channels': { login: { tune: { channelMax: 2048 } } },
  'one channel': {
    login: { tune: { channelMax: 1 } },
    says: [
      [1, 'channel.open'],
      [2, 'channel.open'],
    ],
  },
  'no limit of frames': { login: { tune: { frameMax: 0 } } },
  'frames too small': { login: { tune: { frameMax: 100 } } },
  'smallest frames': { login: { tune: { frameMax: 4096 } } },
  'frames too large': { login: { tune: { frameMax: 131_073 } } },
  'tune-ok in place of start-ok': { login: { upTo: 'start' }, says: [[0, 'connection.tune-ok']] },
  'open in place of start-ok': { login: { upTo: 'start' }, says: [[0, 'connection.open', { virtualHost: '/' }]] },
  'channel in place of start-ok': { login: { upTo: 'start' }, says: [[1, 'channel.open']] },
  'close in place of start-ok': { login: { upTo: 'start' }, says: [[0, 'connection.close']] },
  'open in place of tune-ok': { login: { upTo: 'tune' }, says: [[0, 'connection.open', { virtualHost: '/' }]] },
  'close in place of tune-ok': { login: { upTo: 'tune' }, says: [[0, 'connection.close']] },
  'channel in place of tune-ok': { login: { upTo: 'tune' }, says: [[1, 'channel.open']] },
  'channel in place of open': { login: { upTo: 'tune-ok' }, says: [[1, 'channel.open']] },
  'tune-ok twice': {
    login: { upTo: 'tune-ok' },
    says: [[0, 'connection.tune-ok', { channelMax: 10, frameMax: 8192 }]],
  },
  'queue in place of open': { login: { upTo: 'tune-ok' }, says: [[0, 'queue.declare']] },
} as const satisfies Record<string, Handshake>

export type HandshakeName = keyof typeof HANDSHAKES

export function handshake(name: HandshakeName): Handshake {
  return HANDSHAKES[name]
}
