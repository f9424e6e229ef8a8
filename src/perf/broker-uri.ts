import { PerfError } from './perf-error.ts'

/** Where a broker is and how to log in to it. */
export interface BrokerUri {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly vhost: string
}

const DEFAULT_PORT = 5672

/** Reads `amqp://user:password@host:port/vhost`; everything behind `amqp://` may be left out. */
export function parseBrokerUri(text: string): BrokerUri {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new PerfError(`'${withoutPassword(text)}' is no AMQP URI; one looks like amqp://guest:guest@127.0.0.1:5672/`)
  }
  if (url.protocol === 'amqps:') throw new PerfError('amqps:// (TLS) is not supported, use amqp://')
  if (url.protocol !== 'amqp:') throw new PerfError(`a broker's URI starts with amqp://, not ${url.protocol}//`)
  const path = url.pathname.replace(/^\//, '')
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    user: decoded(url.username, 'user') || 'guest',
    password: decoded(url.password, 'password') || 'guest',
    vhost: decoded(path, 'vhost') || '/',
  }
}

/** For people: the place without the password. */
export function describeBroker(uri: BrokerUri): string {
  const host = uri.host.includes(':') ? `[${uri.host}]` : uri.host
  return `amqp://${encodeURIComponent(uri.user)}@${host}:${uri.port}/${encodeURIComponent(uri.vhost)}`
}

function decoded(part: string, what: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new PerfError(`the ${what} in the URI has a broken %-escape`)
  }
}

function withoutPassword(text: string): string {
  return text.replace(/:[^:@/]*@/, ':…@')
}
