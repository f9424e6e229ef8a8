/** The SASL mechanisms of connection.start-ok: what a response means. */
import { decodeFieldTable } from '../../protocol/field-table.ts'
import { Reader } from '../../protocol/reader.ts'
import { type Authenticator, type Credentials, checkedVerdict, type Verdict } from './authenticator.ts'

export interface Mechanism {
  /** The verdict; or undefined when the response makes no sense. */
  respond(authenticator: Authenticator, response: Buffer, peerAddress: string): Promise<Verdict> | Verdict | undefined
  /** Whether a client may send its response after an empty challenge instead of at once (RFC 4422, section 4). */
  readonly takesChallenge: boolean
}

const withCredentials = (parse: (response: Buffer) => Credentials | undefined): Mechanism => ({
  takesChallenge: true,
  respond(authenticator, response, peerAddress) {
    const credentials = parse(response)
    return credentials === undefined ? undefined : checked(authenticator.authenticate(credentials, peerAddress))
  },
})

export const MECHANISMS: Readonly<Record<string, Mechanism>> = {
  PLAIN: withCredentials(parsePlain),
  AMQPLAIN: withCredentials(parseAmqplain),
  ANONYMOUS: {
    takesChallenge: false,
    respond: (authenticator, _response, peerAddress) => checked(authenticator.anonymous(peerAddress)),
  },
}

function checked(returned: Promise<Verdict> | Verdict): Promise<Verdict> | Verdict {
  // A promise of another library is one, too.
  const isLater = typeof (returned as PromiseLike<Verdict> | undefined)?.then === 'function'
  return isLater ? Promise.resolve(returned).then(checkedVerdict) : checkedVerdict(returned)
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
