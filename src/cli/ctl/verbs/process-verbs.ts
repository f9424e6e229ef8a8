/** What concerns the process of the broker, over its control socket: options, log, stop, and the backup of its store. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseConfText } from '../../../../config/conf-text.ts'
import { printable } from '../../../lib/printable.ts'
import { processSpace } from '../../../lib/process-space.ts'
import { sizeText } from '../../size-text.ts'
import { CtlExit, CtlFailure } from '../ctl-failure.ts'
import { hasEnded } from '../process-end.ts'
import type { Output, Verb, VerbCall } from '../verb.ts'

async function environment({ broker }: VerbCall): Promise<Output> {
  const config = await broker.text('/config/effective')
  const value = Object.fromEntries(parseConfText(config).entries.map((entry) => [entry.key, entry.value]))
  const lines = config.trimEnd().split('\n').map(printable)
  return { kind: 'object', title: 'Options of the broker ...', value, text: lines.join('\n') }
}

async function reload({ broker }: VerbCall): Promise<Output> {
  const report = (await broker.post('/control/reload')) as {
    readonly applied: readonly string[]
    readonly needRestart: readonly string[]
    readonly problems: readonly string[]
  }
  if (report.problems.length > 0)
    throw new CtlFailure(CtlExit.data, `nothing was changed: ${report.problems.join('; ')}`)
  const names = (list: readonly string[]): string => (list.length === 0 ? 'none' : list.join(', '))
  const text = `Changed now: ${names(report.applied)}\nTo be changed by a restart: ${names(report.needRestart)}`
  return { kind: 'object', value: { applied: report.applied, need_restart: report.needRestart }, text }
}

const GONE_MS = 50

async function stop(call: VerbCall): Promise<Output> {
  const { pid, space } = (await call.broker.post('/control/stop')) as { readonly pid: number; readonly space: string }
  const endMs = performance.now() + call.timeoutMs
  // The socket goes before the store is closed, and the process at the end; by then, the socket may be that of the next broker. The
  // process of another container cannot be seen from here.
  const isSeen = space === processSpace() && pid !== process.pid
  while (isSeen ? !hasEnded(pid) : await answers(call)) {
    if (call.timeoutMs > 0 && performance.now() > endMs)
      throw new CtlFailure(CtlExit.timeout, `the broker has not stopped within ${call.timeoutMs / 1000} seconds`)
    await sleep(GONE_MS)
  }
  return { kind: 'done', text: 'The broker has stopped' }
}

async function answers({ broker }: VerbCall): Promise<boolean> {
  return await broker.send('GET', '/whoami').then(
    () => true,
    () => false,
  )
}

async function tail(call: VerbCall): Promise<Output> {
  const lines = call.text('number')
  if (!/^\d{1,5}$/.test(lines)) throw new CtlFailure(CtlExit.data, `--number is a number of lines, not ${lines}`)
  await printLog(call, `lines=${lines}${call.flag('follow') ? '&follow=true' : ''}`)
  return { kind: 'printed' }
}

async function tailStream(call: VerbCall): Promise<Output> {
  const seconds = call.optional('duration')
  if (seconds !== undefined && !/^[1-9]\d{0,5}$/.test(seconds))
    throw new CtlFailure(CtlExit.data, `--duration is a number of seconds from 1 to 999999, not ${seconds}`)
  await printLog(call, 'lines=0&follow=true', seconds === undefined ? undefined : Number(seconds) * 1000)
  return { kind: 'printed' }
}

/** Line by line; the empty ones only keep the connection up. */
async function printLog(call: VerbCall, query: string, durationMs?: number): Promise<void> {
  const response = await call.broker.stream('GET', `/control/log?${query}`)
  const timer = durationMs === undefined ? undefined : setTimeout(() => response.destroy(), durationMs)
  let rest = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const lines = `${rest}${chunk}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line !== '') call.print(line)
    }
  } catch (error) {
    // Node.js says with a code what ends a connection.
    if (!(error instanceof Error && 'code' in error)) throw error
    const isOver = durationMs !== undefined && response.destroyed
    if (!isOver) throw new CtlFailure(CtlExit.unavailable, 'the log has ended: the broker has gone', { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

async function backup(call: VerbCall): Promise<Output> {
  const to = call.text('to')
  const { receiveFrom } = await import('../../store/backup.ts')
  const { files, bytes } = await receiveFrom(call.broker, to).catch((error: unknown) => {
    throw backupFailure(error, to)
  })
  const text = `${to} has a copy of the store of the running broker: ${files} files, ${sizeText(bytes)}`
  return { kind: 'object', value: { to, files, bytes }, text }
}

function backupFailure(error: unknown, to: string): unknown {
  if (!(error instanceof Error) || error instanceof CtlFailure) return error
  if (error.name === 'DataFolderError') return new CtlFailure(CtlExit.data, error.message)
  if (!('code' in error)) return error
  // What a stream of Node.js says when the other side has gone.
  if (error.code === 'ECONNRESET')
    return new CtlFailure(CtlExit.unavailable, 'the backup has ended too early: the broker has gone', { cause: error })
  return new CtlFailure(CtlExit.data, `the backup cannot be written to ${to}: ${error.message}`, { cause: error })
}

export const PROCESS_VERBS: readonly Verb[] = [
  { name: 'environment', describe: 'show the options that the broker runs with', run: environment },
  {
    name: 'reload',
    describe: 'make the broker read its config file and certificates again, as SIGHUP does',
    isLocal: true,
    run: reload,
  },
  {
    name: 'log_tail',
    describe: 'print the last lines of the log',
    isLocal: true,
    options: {
      number: { alias: 'N', type: 'string', requiresArg: true, default: '50', describe: 'how many lines' },
      follow: { alias: 'f', type: 'boolean', describe: 'keep printing new lines as they come' },
    },
    run: tail,
  },
  {
    name: 'log_tail_stream',
    describe: 'print the lines of the log as they come',
    isLocal: true,
    options: {
      duration: { type: 'string', requiresArg: true, describe: 'how many seconds (default: until it is interrupted)' },
    },
    run: tailStream,
  },
  {
    name: 'backup',
    args: '<to>',
    describe: 'copy the store of the running broker into a new file (.tar) or a new folder',
    isLocal: true,
    run: backup,
  },
  {
    name: 'stop',
    describe: 'stop the broker and wait until its process has ended, for --timeout seconds at most (default: 300)',
    timeoutSec: 300,
    isLocal: true,
    run: stop,
  },
  { name: 'shutdown', describe: 'the same as stop', timeoutSec: 300, isLocal: true, run: stop },
]
