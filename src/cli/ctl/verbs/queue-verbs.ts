/** Single queues: what is done with them and with their messages. */
import { accepted, apiPath } from '../broker-client.ts'
import { CtlExit, CtlFailure } from '../ctl-failure.ts'
import type { Output, Verb, VerbCall } from '../verb.ts'
import { rowsIn } from './list-verbs.ts'

async function requireQueue({ broker, vhost }: VerbCall, queue: string): Promise<void> {
  const reply = await broker.send('GET', `${apiPath`/queues/${vhost}/${queue}`}?disable_stats=true`)
  if (reply.status === 404) throw new CtlFailure(CtlExit.data, `no queue '${queue}' in vhost '${vhost}'`)
  accepted(reply)
}

async function purge(call: VerbCall): Promise<Output> {
  const queue = call.text('queue')
  await requireQueue(call, queue)
  await call.broker.delete(apiPath`/queues/${call.vhost}/${queue}/contents`)
  return { kind: 'done', text: `Purging queue '${queue}' in vhost '${call.vhost}' ...` }
}

async function remove(call: VerbCall): Promise<Output> {
  const queue = call.text('queue')
  await requireQueue(call, queue)
  const conditions = new URLSearchParams()
  for (const name of ['if-empty', 'if-unused']) if (call.flag(name)) conditions.set(name, 'true')
  await call.broker.delete(`${apiPath`/queues/${call.vhost}/${queue}`}?${conditions}`)
  return { kind: 'done', text: `Deleting queue '${queue}' on vhost '${call.vhost}' ...` }
}

async function peek(call: VerbCall): Promise<Output> {
  const queue = call.text('queue')
  await requireQueue(call, queue)
  const path = `${apiPath`/queues/${call.vhost}/${queue}/peek`}?count=${countIn(call) ?? 1}`
  return {
    kind: 'rows',
    title: `Looking at the first messages of queue '${queue}' in vhost '${call.vhost}' ...`,
    columns: ['exchange', 'routing_key', 'redelivered', 'properties', 'payload_bytes', 'payload_encoding', 'payload'],
    rows: rowsIn(await call.broker.get(path)),
  }
}

async function move(call: VerbCall): Promise<Output> {
  const [queue, to] = [call.text('queue'), call.text('to')]
  await requireQueue(call, queue)
  await requireQueue(call, to)
  const count = countIn(call)
  const body = { action: 'move', to, ...(count === undefined ? {} : { count }) }
  const { moved } = (await act(call, queue, body)) as { readonly moved: number } // the broker says so
  return { kind: 'object', value: { moved }, text: `Moved ${moved} messages from queue '${queue}' to queue '${to}'` }
}

function countIn(call: VerbCall): number | undefined {
  const text = call.optional('count')
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new CtlFailure(CtlExit.data, `--count is a number from 1, not ${text}`)
  return Number(text)
}

async function act(call: VerbCall, queue: string, body: object): Promise<unknown> {
  return await call.broker.post(apiPath`/queues/${call.vhost}/${queue}/actions`, body)
}

const pauseOrResume = (action: 'pause' | 'resume', text: string): Verb['run'] => {
  return async (call) => {
    const queue = call.text('queue')
    await requireQueue(call, queue)
    await act(call, queue, { action })
    return { kind: 'done', text: `${text} queue '${queue}' in vhost '${call.vhost}' ...` }
  }
}

const count = (describe: string): Verb['options'] => ({ count: { type: 'string', requiresArg: true, describe } })

export const QUEUE_VERBS: readonly Verb[] = [
  { name: 'purge_queue', args: '<queue>', describe: 'drop the ready messages of a queue', hasVhost: true, run: purge },
  {
    name: 'delete_queue',
    args: '<queue>',
    describe: 'remove a queue with its messages',
    hasVhost: true,
    options: {
      'if-empty': { alias: 'e', type: 'boolean', describe: 'only if it has no messages' },
      'if-unused': { alias: 'u', type: 'boolean', describe: 'only if it has no consumers' },
    },
    run: remove,
  },
  {
    name: 'peek',
    args: '<queue>',
    describe: 'show the first messages of a queue without taking them',
    hasVhost: true,
    options: { ...count('how many (default: 1)') },
    run: peek,
  },
  {
    name: 'move',
    args: '<queue> <to>',
    describe: 'move the messages of a queue to another one',
    hasVhost: true,
    options: { ...count('how many (default: all)') },
    timeoutSec: 0,
    run: move,
  },
  {
    name: 'pause',
    args: '<queue>',
    describe: 'stop deliveries from a queue until it is resumed',
    hasVhost: true,
    run: pauseOrResume('pause', 'Pausing'),
  },
  {
    name: 'resume',
    args: '<queue>',
    describe: 'start deliveries from a paused queue again',
    hasVhost: true,
    run: pauseOrResume('resume', 'Resuming'),
  },
]
