// What a client may have in the arguments of something durable is there again after a restart, up to the limits of a field table.
import { afterEach, expect, test } from 'vitest'
import { FIELD_DEPTH_MAX, FIELDS_MAX } from '../../protocol/field-table-limits.ts'
import type { WireTable } from '../support/wire-values.ts'
import { DURABLE, DurableServer } from './durable-server.ts'

let server: DurableServer

afterEach(() => server.remove())

function manyFields(): WireTable {
  return { many: Array.from({ length: FIELDS_MAX - 1 }, () => null) }
}

function deepTables(): WireTable {
  let table: WireTable = { end: null }
  for (let depth = 1; depth < FIELD_DEPTH_MAX; depth++) table = { in: table }
  return table
}

test.each([
  ['as many fields as there may be', manyFields()],
  ['tables as deep as they may be', deepTables()],
])('%s', async (_, table) => {
  server = await DurableServer.start()
  const channel = await server.channel()
  await channel.call('queue.declare', { ...DURABLE, queue: 'q', arguments: table })
  await channel.call('exchange.declare', { exchange: 'x', type: 'headers', durable: true, arguments: table })
  await channel.call('queue.bind', { queue: 'q', exchange: 'x', routingKey: '', arguments: table })
  await server.restart()
  expect(server.damage).toEqual([])
  expect(server.server.recovery).toMatchObject({ quarantined: 0, queues: 1, exchanges: 1, bindings: 1 })
  const again = await server.channel()
  await again.call('queue.declare', { ...DURABLE, queue: 'q', arguments: table })
})
