/** Closes connections, with a reason that their clients are told. */
import { setTimeout as sleep } from 'node:timers/promises'
import { apiPath } from '../broker-client.ts'
import { CtlExit, CtlFailure } from '../ctl-failure.ts'
import type { Output, Verb, VerbCall } from '../verb.ts'
import { rowsIn } from './list-verbs.ts'
import { requireUser } from './user-verbs.ts'

/** It goes through a header. */
function reasonIn(call: VerbCall): Readonly<Record<string, string>> {
  const reason = call.text('explanation')
  if (!/^[\x20-\x7e]*$/.test(reason)) throw new CtlFailure(CtlExit.data, 'the explanation is printable ASCII')
  return { 'x-reason': reason }
}

async function closeOne(call: VerbCall): Promise<Output> {
  const name = call.text('connection')
  const found = rowsIn(await call.broker.get('/connections?columns=name')).some((row) => row.name === name)
  if (!found) throw new CtlFailure(CtlExit.data, `no connection '${name}': list_connections pid shows their names`)
  await call.broker.delete(apiPath`/connections/${name}`, reasonIn(call))
  return { kind: 'done', text: `Closing connection ${name}, reason: ${call.text('explanation')} ...` }
}

async function closeAll(call: VerbCall): Promise<Output> {
  const [limit, delayMs] = [numberIn(call, 'limit'), numberIn(call, 'per-connection-delay')]
  const rows = rowsIn(await call.broker.get('/connections?columns=name,vhost'))
  const inVhost = call.flag('global') ? rows : rows.filter(({ vhost }) => vhost === call.vhost)
  const chosen = limit === 0 ? inVhost : inVhost.slice(0, limit)
  const headers = reasonIn(call)
  let closed = 0
  for (const { name } of chosen) {
    // One that has gone by itself is closed, too.
    const { status } = await call.broker.send('DELETE', apiPath`/connections/${String(name)}`, { headers })
    if (status === 204) closed++
    if (delayMs > 0) await sleep(delayMs)
  }
  const where = call.flag('global') ? '' : ` in vhost ${call.vhost}`
  return { kind: 'object', value: { closed }, text: `Closed ${closed} connections${where}` }
}

function numberIn(call: VerbCall, name: string): number {
  const text = call.text(name)
  if (!/^\d{1,9}$/.test(text)) throw new CtlFailure(CtlExit.data, `--${name} is a number, not ${text}`)
  return Number(text)
}

async function closeOfUser(call: VerbCall): Promise<Output> {
  const user = call.text('username')
  await requireUser(call.broker, user)
  await call.broker.delete(apiPath`/connections/username/${user}`, reasonIn(call))
  return { kind: 'done', text: `Closing connections of user "${user}", reason: ${call.text('explanation')} ...` }
}

export const CONNECTION_VERBS: readonly Verb[] = [
  {
    name: 'close_connection',
    args: '<connection> <explanation>',
    describe: 'close a connection by its name; its client is told why',
    run: closeOne,
  },
  {
    name: 'close_all_connections',
    args: '<explanation>',
    describe: 'close all connections to a virtual host',
    hasVhost: true,
    options: {
      global: { type: 'boolean', describe: 'in all virtual hosts' },
      limit: { type: 'string', requiresArg: true, default: '0', describe: 'how many at most; 0: all' },
      'per-connection-delay': {
        type: 'string',
        requiresArg: true,
        default: '0',
        describe: 'time between two of them, in milliseconds',
      },
    },
    run: closeAll,
  },
  {
    name: 'close_all_user_connections',
    args: '<username> <explanation>',
    describe: 'close all connections of a user',
    run: closeOfUser,
  },
]
