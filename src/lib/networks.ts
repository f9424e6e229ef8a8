/** Sets of IP addresses, written as addresses and networks: `10.0.0.0/8`, `::1`. */
import { BlockList, isIP } from 'node:net'
import { plainAddress } from './peer.ts'

/** Clients on a Unix socket, which have no address. */
const UNIX_NETWORK = 'unix'

interface Network {
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  readonly prefixBits: number
}

/** Undefined when the text is neither an address nor a network. */
function parseNetwork(text: string): Network | undefined {
  const [written = '', bits, ...more] = text.split('/')
  const address = plainAddress(written)
  const version = written.includes('%') ? 0 : isIP(address)
  if (version === 0 || more.length > 0) return undefined
  const bitsMax = version === 4 ? 32 : 128
  if (bits === undefined) return { address, family: `ipv${version as 4 | 6}`, prefixBits: bitsMax }
  // A prefix of an IPv4 address that is written as an IPv6 one counts other bits.
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > bitsMax || address !== written) return undefined
  return { address, family: `ipv${version as 4 | 6}`, prefixBits: Number(bits) }
}

export function isNetwork(text: string): boolean {
  return text === UNIX_NETWORK || parseNetwork(text) !== undefined
}

export class Networks {
  readonly #list = new BlockList()
  readonly #hasUnix: boolean

  /** Throws RangeError for what is no network. */
  constructor(texts: readonly string[]) {
    this.#hasUnix = texts.includes(UNIX_NETWORK)
    for (const text of texts) {
      if (text === UNIX_NETWORK) continue
      const network = parseNetwork(text)
      if (network === undefined) throw new RangeError(`'${text}' is no network: write 10.0.0.0/8, an address or 'unix'`)
      this.#list.addSubnet(network.address, network.prefixBits, network.family)
    }
  }

  /** `address`: of a client on a port. */
  has(address: string): boolean {
    const version = isIP(address.replace(/%.*$/s, ''))
    if (version === 0) return false
    return this.#list.check(address.replace(/%.*$/s, ''), `ipv${version as 4 | 6}`)
  }

  get hasUnix(): boolean {
    return this.#hasUnix
  }
}
