import type { Config } from '../../config/options.ts'
import { addressText } from '../lib/peer.ts'

/** Why the system refused to listen, and what the operator can do about it. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there; stop it, or choose another --port',
  EACCES: 'the system does not let this user listen there; ports below 1024 need more rights',
  EADDRNOTAVAIL: 'this machine does not have that address; choose another --bind',
  ENOTFOUND: 'no such host is known; choose another --bind',
  EAI_AGAIN: 'the host name cannot be looked up now; use an address for --bind',
  EAFNOSUPPORT: 'this machine does not support that kind of address; choose another --bind',
}

export function listenFailure(error: unknown, { bind, port }: Pick<Config, 'bind' | 'port'>): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error))
  return `cannot listen on ${addressText(bind, port)}: ${reason}`
}
