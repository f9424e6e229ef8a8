import { expect, test } from 'vitest'
import type { Channel } from '../../src/amqp/channel.ts'
import { failOrWait } from '../../src/amqp/waiting-decision.ts'
import { Undecided } from '../../src/broker/access/undecided.ts'
import { session } from '../broker/model.ts'

test('a channel that ends while it waits for room leaves nothing to wait for to those behind it', async () => {
  const asker = session()
  asker.waitsFor = 7
  const intake = { beginLongWork: () => {}, endLongWork: () => {} }
  const channel = { session: asker, isClosing: true, connection: { phase: 'open', intake } }
  const settled = Promise.resolve()
  const again = () => (): void => expect.fail('it was carried out')
  // Of a channel, it uses no more than this.
  failOrWait(channel as unknown as Channel, new Undecided(settled), 0, 0, again)
  await settled
  await Promise.resolve()
  expect(asker.waitsFor).toBeUndefined()
})
