/** Endpoints of the control socket alone: what concerns the process around the server, and its store. */
import { pid as ownPid } from 'node:process'
import { processSpace } from '../lib/process-space.ts'
import { json } from './answers.ts'
import { ApiError, badRequest } from './api-error.ts'
import type { Call } from './call.ts'
import { endpoint, type Route } from './route.ts'

/** What came of reading the options again. */
export interface ReloadReport {
  /** Options that have another value now, by their names. */
  readonly applied: readonly string[]
  /** Options that will have another value after a restart. */
  readonly needRestart: readonly string[]
  /** Why nothing was changed. */
  readonly problems: readonly string[]
}

/** The process around the server. */
export interface ControlledProcess {
  /** Its options as a config file says them; secrets are hidden. */
  effectiveConfig(): string
  /** Reads the options again. */
  reload(): Promise<ReloadReport>
  /** Stops the server, then the process. */
  stop(): void
  /** The last lines of the log, at most so many. */
  recentLines(count: number): readonly string[]
  /** Calls back with every further line, until the returned function is called. */
  followLines(onLine: (line: string) => void): () => void
}

export interface ControlParts {
  readonly process: ControlledProcess
  /** A copy of the store as one tar archive. Rejects with Error where there is none to be made. */
  backup(): Promise<AsyncIterable<Uint8Array>>
}

const LINES_MAX = 10_000
/** Lines that a reader has not taken: more of them end the answer. */
const UNREAD_CHARACTERS_MAX = 1024 * 1024
/** An empty line that often shows that the log goes on: a connection on which nothing happens is cut off. */
const PULSE_MS = 10_000

function tail(call: Call, { process }: ControlParts): Response {
  const text = call.query.get('lines') ?? '50'
  if (!/^\d{1,5}$/.test(text) || Number(text) > LINES_MAX) throw badRequest(`lines must be from 0 to ${LINES_MAX}`)
  const recent = process.recentLines(Number(text)).join('')
  const headers = { 'content-type': 'text/plain; charset=utf-8' }
  if (!call.flag('follow')) return new Response(recent, { headers })
  return new Response(followed(recent, process), { headers })
}

function followed(recent: string, { followLines }: ControlledProcess): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let stop = (): void => {}
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const put = (line: string): void => {
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(line))
          else end()
        }
        const end = (): void => {
          stop()
          controller.close()
        }
        const pulse = setInterval(() => put('\n'), PULSE_MS).unref()
        const unfollow = followLines(put)
        stop = () => {
          clearInterval(pulse)
          unfollow()
        }
        if (recent !== '') controller.enqueue(encoder.encode(recent))
      },
      cancel: () => stop(),
    },
    { highWaterMark: UNREAD_CHARACTERS_MAX, size: (chunk) => chunk?.length ?? 0 },
  )
}

async function backup({ backup: start }: ControlParts): Promise<Response> {
  const pieces = (await refusable(start))[Symbol.asyncIterator]()
  // What is copied is what the client takes.
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await pieces.next()
        if (next.done === true) controller.close()
        else controller.enqueue(next.value)
      },
      async cancel() {
        await pieces.return?.()
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { 'content-type': 'application/x-tar' } })
}

async function refusable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new ApiError(503, 'unavailable', error instanceof Error ? error.message : String(error))
  }
}

export function controlRoutes(parts: ControlParts): readonly Route[] {
  const { process } = parts
  return [
    {
      path: '/control/node',
      methods: { GET: endpoint('administrator', async (call) => json(await call.server.node())) },
    },
    { path: '/control/log', methods: { GET: endpoint('administrator', (call) => tail(call, parts)) } },
    { path: '/control/backup', methods: { POST: endpoint('administrator', () => backup(parts)) } },
    {
      path: '/control/reload',
      methods: { POST: endpoint('administrator', async () => json(await process.reload())) },
    },
    {
      path: '/control/stop',
      methods: {
        POST: endpoint('administrator', () => {
          // The answer leaves first. It says whose end is to be waited for.
          setImmediate(process.stop)
          return json({ pid: ownPid, space: processSpace() })
        }),
      },
    },
  ]
}
