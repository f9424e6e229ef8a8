import { addressText } from '../../lib/peer.ts'

/** Why the system refused to listen, and what the operator can do about it. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there; stop it, or choose another port',
  EACCES: 'the system does not let this user listen there; ports below 1024 need more rights',
  EADDRNOTAVAIL: 'this machine does not have that address; choose another one',
  ENOTFOUND: 'no such host is known; choose another one',
  EAI_AGAIN: 'the host name cannot be looked up now; use an address instead',
  EAFNOSUPPORT: 'this machine does not support that kind of address; choose another one',
}

/** The same of a Unix socket. */
const PATH_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there, or a file that is no socket has that name; choose another path',
  EACCES:
    'the system does not let this user make a socket in that folder; choose another one, or change its permissions',
  ENOENT: 'its folder does not exist; make it, or choose another path',
  ENOTDIR: 'what should be its folder is a file; choose another path',
  EROFS: 'the disk is read-only; choose another path',
}

/** What the system says of an address that it refuses. */
interface ListenError {
  readonly code?: string
  /** An IP address, or the path of a Unix socket. */
  readonly address?: string
  readonly hostname?: string
  readonly port?: number
}

export function listenFailure(error: unknown): string {
  const { code = '', address, hostname, port } = error instanceof Error ? (error as ListenError) : {}
  const host = address ?? hostname
  const reasons = host?.includes('/') ? PATH_REASONS : REASONS
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error))
  if (host === undefined) return `cannot listen: ${reason}`
  return `cannot listen on ${port === undefined || port < 0 ? host : addressText(host, port)}: ${reason}`
}
