import { fieldTable } from '../../protocol/field-table-plain.ts'
import type { Method } from '../../protocol/methods.ts'
import { type BrokerUri, describeBroker } from './broker-uri.ts'
import { ClientConnection } from './client-connection.ts'
import { PerfError } from './perf-error.ts'

const FRAME_BYTES = 131_072
const CLIENT_PROPERTIES = fieldTable({
  product: 'leveret perf',
  capabilities: {
    publisher_confirms: true,
    'basic.nack': true,
    consumer_cancel_notify: true,
    'connection.blocked': true,
    authentication_failure_close: true,
  },
})

/** Connects, logs in and opens the channel. Throws a `PerfError` that says what is wrong. */
export async function login(uri: BrokerUri, readBytes: number): Promise<ClientConnection> {
  const connection = new ClientConnection(uri, readBytes)
  try {
    const start = await connection.greet()
    requirePlain(start)
    const tune = await authenticate(connection, uri)
    if (tune.name !== 'connection.tune') throw new PerfError(`expected connection.tune, got ${tune.name}`)
    const frameMaxBytes = Math.min(tune.args.frameMax === 0 ? FRAME_BYTES : tune.args.frameMax, FRAME_BYTES)
    connection.frameMaxBytes = frameMaxBytes
    // No heartbeats: the broker would have to time out on a connection that it does not get round to reading.
    connection.send(
      'connection.tune-ok',
      { channelMax: tune.args.channelMax, frameMax: frameMaxBytes, heartbeat: 0 },
      0,
    )
    await connection.call('connection.open', { virtualHost: uri.vhost }, undefined, 0)
    await openChannel(connection)
    return connection
  } catch (error) {
    connection.destroy()
    throw error
  }
}

/** The connection's channel; needed again after the broker has closed it. */
export async function openChannel(connection: ClientConnection): Promise<void> {
  await connection.call('channel.open', {})
}

async function authenticate(connection: ClientConnection, uri: BrokerUri): Promise<Method> {
  const startOk = {
    clientProperties: CLIENT_PROPERTIES,
    mechanism: 'PLAIN',
    response: `\0${uri.user}\0${uri.password}`,
    locale: 'en_US',
  }
  try {
    return await connection.call('connection.start-ok', startOk, ['connection.tune'], 0)
  } catch (error) {
    if (!(error instanceof PerfError)) throw error
    throw new PerfError(`login to ${describeBroker(uri)} failed: ${error.message}`)
  }
}

function requirePlain(start: Method): void {
  if (start.name !== 'connection.start') throw new PerfError(`expected connection.start, got ${start.name}`)
  const mechanisms = start.args.mechanisms.toString('latin1').split(' ')
  if (!mechanisms.includes('PLAIN')) throw new PerfError(`the broker offers ${mechanisms.join(', ')}, but not PLAIN`)
}
