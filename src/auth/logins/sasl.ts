/** The SASL mechanisms of connection.start-ok: what a response means. */
import { decodeFieldTable } from '../../../protocol/field-table.ts'
import { Reader } from '../../../protocol/reader.ts'
import type { MechanismName } from '../../lib/mechanism-names.ts'
import type { Peer } from '../../lib/peer.ts'
import type { Credentials } from '../authenticator.ts'
import { type CertificateLogin, certificateName } from './certificate-name.ts'

/** What clients log in by. */
export type LoginProtocol = 'amqp091' | 'http'

/** What is known of a client before it says anything. */
export interface LoginPeer extends Pick<Peer, 'address' | 'isEncrypted' | 'certificate'> {
  /** AMQP if it does not say. */
  readonly protocol?: LoginProtocol
}

/** Who a client says it is. */
export type Claim =
  | { readonly kind: 'password'; readonly credentials: Credentials }
  | { readonly kind: 'token'; readonly token: Buffer }
  | { readonly kind: 'certificate'; readonly name: string }
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'refused'; readonly reason: string }

export interface Mechanism {
  /** Whether a client may send its response after an empty challenge instead of at once (RFC 4422, section 4). */
  readonly takesChallenge: boolean
  /** Whether there is a point in offering it to this client. */
  isFor(peer: LoginPeer): boolean
  /** Undefined when the response makes no sense. */
  claim(response: Buffer, peer: LoginPeer, login: CertificateLogin): Claim | undefined
}

const withCredentials = (parse: (response: Buffer) => Credentials | undefined): Mechanism => ({
  takesChallenge: true,
  isFor: () => true,
  claim(response) {
    const credentials = parse(response)
    return credentials === undefined ? undefined : { kind: 'password', credentials }
  },
})

export const MECHANISMS: Readonly<Record<MechanismName, Mechanism>> = {
  PLAIN: withCredentials(parsePlain),
  AMQPLAIN: withCredentials(parseAmqplain),
  // As in RabbitMQ, the response says nothing: the certificate does.
  EXTERNAL: {
    takesChallenge: false,
    isFor: ({ certificate }) => certificate !== undefined,
    claim: (_response, peer, login) => certificateClaim(peer, login),
  },
  ANONYMOUS: {
    takesChallenge: false,
    isFor: () => true,
    claim: () => ({ kind: 'anonymous' }),
  },
}

export function isMechanism(name: string): name is MechanismName {
  return Object.hasOwn(MECHANISMS, name)
}

function certificateClaim({ isEncrypted, certificate }: LoginPeer, login: CertificateLogin): Claim {
  if (!isEncrypted) return { kind: 'refused', reason: 'not a TLS-enabled connection' }
  if (certificate === undefined)
    return { kind: 'refused', reason: 'connection peer presented no TLS (x.509) certificate' }
  const name = certificateName(certificate, login)
  return name === undefined ? { kind: 'refused', reason: 'no name found' } : { kind: 'certificate', name }
}

/** NUL user NUL password. RabbitMQ takes no authorisation identity in front. */
function parsePlain(response: Buffer): Credentials | undefined {
  if (response[0] !== 0) return undefined
  const nameEnd = response.indexOf(0, 1)
  if (nameEnd < 0 || response.indexOf(0, nameEnd + 1) >= 0) return undefined
  return { name: response.toString('utf8', 1, nameEnd), password: Buffer.from(response.subarray(nameEnd + 1)) }
}

/** The entries of a field table, without its length: LOGIN and PASSWORD. */
function parseAmqplain(response: Buffer): Credentials | undefined {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(response.length)
  try {
    const table = decodeFieldTable(new Reader(Buffer.concat([length, response])))
    const login = table.get('LOGIN')
    const password = table.get('PASSWORD')
    if (login?.type !== 'S' || password?.type !== 'S') return undefined
    return { name: String(login.value), password: Buffer.from(password.value as string) }
  } catch {
    return undefined
  }
}
