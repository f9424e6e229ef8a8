// One that writes many dead letters writes each as if it were its first.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DeadLetter } from '../../../src/broker/dead-letters/dead-letter.ts'
import { type DeadLetterTarget, deadLetterTarget } from '../../../src/broker/dead-letters/dead-letter-target.ts'
import { DeathCause } from '../../../src/broker/dead-letters/death-cause.ts'
import { createMessage } from '../../../src/broker/messages/message.ts'

const CAUSES = [new DeathCause('q', 'rejected'), new DeathCause('q', 'expired'), new DeathCause('r', 'rejected')]
const TARGETS = [deadLetterTarget('x'), deadLetterTarget('', 'key')] as DeadLetterTarget[]

const death = fc.record({
  exchange: fc.constantFrom('', 'e'),
  routingKey: fc.constantFrom('k', 'kk', ''),
  cause: fc.constantFrom(...CAUSES),
  target: fc.constantFrom(...TARGETS),
  properties: fc.record(
    {
      contentType: fc.constantFrom('text/plain', ''),
      deliveryMode: fc.constant(2),
      messageId: fc.constantFrom('m', 'another'),
      expiration: fc.constant('10'),
      headers: fc.constant(new Map([['a', { type: 'I', value: 1 } as const]])),
    },
    { requiredKeys: [] },
  ),
  nowMs: fc.integer({ min: 0, max: 2 ** 41 }),
  body: fc.constantFrom('', 'body'),
})

function written(letter: DeadLetter, { exchange, routingKey, cause, target, properties, nowMs, body }: Death): unknown {
  const message = createMessage(exchange, routingKey, properties, Buffer.from(body))
  const goesOn = letter.write(message, 0, cause, target, nowMs)
  const { head, headerStart, headerEnd, marks, hasMoreKeys, blindKeys } = letter
  const bytes = Buffer.from(head.bytes.subarray(0, headerEnd)).toString('latin1')
  const cycles = ['q', 'r', 's'].filter((name) => letter.isCycle(name))
  return { goesOn, bytes, headerStart, marks, hasMoreKeys, blindKeys, cycles, keys: letter.routingKeys() }
}

type Death = typeof death extends fc.Arbitrary<infer D> ? D : never

test('one that writes many dead letters writes each as a new one would', () => {
  fc.assert(
    fc.property(fc.array(death, { minLength: 2, maxLength: 8 }), (deaths) => {
      const letter = new DeadLetter()
      for (const each of deaths) expect(written(letter, each)).toEqual(written(new DeadLetter(), each))
    }),
    { numRuns: 2000 },
  )
})
