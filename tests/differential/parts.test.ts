// The parts of the tester that need no broker.
import { expect, test } from 'vitest'
import { firstDifference } from './comparison.ts'
import { generate } from './generator.ts'
import { shrink } from './shrink.ts'
import { callsOf, type Step } from './step.ts'

const at = { connection: 0, channel: 1 }

function declare(queue: string, args: Readonly<Record<string, boolean>> = {}): Step {
  return { kind: 'calls', at, calls: [{ method: 'queue.declare', args: { queue, ...args } }] }
}

test('a seed stands for one sequence', () => {
  expect(generate(7)).toEqual(generate(7))
  expect(generate(7)).not.toEqual(generate(8))
})

test('sequences are plain data, and each kind of operation comes', () => {
  const seen = new Set<string>()
  for (let seed = 1; seed <= 300; seed++) {
    const steps = generate(seed)
    expect(JSON.parse(JSON.stringify(steps))).toEqual(steps)
    for (const step of steps) for (const name of callsOf(step).map(({ method }) => method)) seen.add(name)
    for (const { kind } of steps) seen.add(kind)
  }
  const kinds = ['calls', 'blind', 'malformed', 'hold', 'release', 'drop', 'handshake']
  const methods = ['exchange.unbind', 'queue.unbind', 'tx.rollback', 'confirm.select', 'basic.recover', 'basic.qos']
  expect([...seen]).toEqual(expect.arrayContaining([...kinds, ...methods]))
})

test('the first step that was answered differently is found', () => {
  const steps = [declare('~q0'), declare('~q1'), declare('~q2')]
  const ok = (queue: string) => ({ 'c0/1': [`queue.declare-ok queue=${queue}`] })
  const refused = { 'c0/1': ['channel.close replyCode=404 replyText=NOT_FOUND'] }
  const same = [ok('~q0'), ok('~q1'), ok('~q2')]
  expect(firstDifference(steps, same, same)).toBeUndefined()
  expect(firstDifference(steps, same, [ok('~q0'), refused, refused])).toMatchObject({
    index: 1,
    step: steps[1],
    known: undefined,
    signature: expect.stringMatching(/^queue\.declare: RabbitMQ .*declare-ok.* \| Leveret .*NOT_FOUND/),
  })
})

test('a difference that is known is named', () => {
  const step: Step = { kind: 'calls', at, calls: [{ method: 'exchange.declare', args: { type: 'bogus' } }] }
  const answer = (text: string) => [{ 'c0/1': [text] }]
  const rabbitmq = answer("connection.close replyCode=503 replyText=COMMAND_INVALID - unknown exchange type 'bogus'")
  const leveret = answer("channel.close replyCode=406 replyText=PRECONDITION_FAILED - unknown exchange type 'bogus'")
  expect(firstDifference([step], rabbitmq, leveret)?.known?.because).toBe('4.2')
})

test('a sequence is made as short and as plain as can be', async () => {
  const steps = [...generate(1), declare('~q0', { durable: true, autoDelete: true }), ...generate(2)]
  const isDurableQ0 = (step: Step): boolean =>
    callsOf(step).some(
      ({ method, args }) => method === 'queue.declare' && args?.queue === '~q0' && args.durable === true,
    )
  const short = await shrink(steps, async (candidate) => candidate.some(isDurableQ0))
  expect(short).toHaveLength(1)
  expect(callsOf(short[0])).toEqual([{ method: 'queue.declare', args: { queue: '~q0', durable: true } }])
})
