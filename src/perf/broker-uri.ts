import { addressText } from '../lib/peer.ts'
import { PerfError } from './perf-error.ts'

/** Where a broker is and how to log in to it. */
export interface BrokerUri {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly vhost: string
  /** Over TLS. */
  readonly isEncrypted: boolean
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'amqp:': 5672, 'amqps:': 5671 }

/** Reads `amqp://user:password@host:port/vhost`; everything behind `amqp://` may be left out. `amqps://` is over TLS. */
export function parseBrokerUri(text: string): BrokerUri {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new PerfError(`'${withoutPassword(text)}' is no AMQP URI; one looks like amqp://guest:guest@127.0.0.1:5672/`)
  }
  const defaultPort = DEFAULT_PORTS[url.protocol]
  if (defaultPort === undefined)
    throw new PerfError(`a broker's URI starts with amqp:// or amqps://, not ${url.protocol}//`)
  const path = url.pathname.replace(/^\//, '')
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? defaultPort : Number(url.port),
    user: decoded(url.username, 'user') || 'guest',
    password: decoded(url.password, 'password') || 'guest',
    vhost: decoded(path, 'vhost') || '/',
    isEncrypted: url.protocol === 'amqps:',
  }
}

/** For people: the place without the password. */
export function describeBroker(uri: BrokerUri): string {
  const scheme = uri.isEncrypted ? 'amqps' : 'amqp'
  const place = addressText(uri.host, uri.port)
  return `${scheme}://${encodeURIComponent(uri.user)}@${place}/${encodeURIComponent(uri.vhost)}`
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
