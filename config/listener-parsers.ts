// Parsers for where the broker listens, and for TLS.
import { isNetwork } from '../src/lib/networks.ts'
import { isOrigin } from '../src/lib/origins.ts'
import { NUMBER_SETTINGS } from './number-settings.ts'
import { asItIs, type Parser } from './parsers.ts'

/** An address to listen on; without a host, that of `--bind`. */
export interface ListenPlace {
  readonly host: string | undefined
  readonly port: number
}

/** A host name with its certificate. */
export interface TlsHostFiles {
  readonly name: string
  readonly certFile: string
  readonly keyFile: string
}

/** `none`, or what the parser takes. */
export function noneOr<T>(parser: Parser<T>): Parser<T | 'none'> {
  return {
    allowed: `${parser.allowed}, or 'none'`,
    parse: (value) => (value === 'none' ? 'none' : parser.parse(value)),
    print: (value) => (value === 'none' ? 'none' : parser.print(value as T)),
  }
}

/** `host:port`, `[::1]:port` or a port alone. */
export function parsePlace(value: string): ListenPlace | undefined {
  const { host, digits } = /^(?:\[?(?<host>[0-9A-Za-z._:%-]+)\]?:)?(?<digits>[0-9]{1,5})$/.exec(value)?.groups ?? {}
  const port = Number(digits)
  return digits === undefined || port > NUMBER_SETTINGS.port.max ? undefined : { host, port }
}

export function addressList(): Parser<readonly ListenPlace[]> {
  const what = 'addresses with a port, such as 10.0.0.1:5672 or [::1]:5672, separated by commas'
  return listOf(what, parsePlace, ({ host, port }) => {
    if (host === undefined) return String(port)
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  })
}

/** Networks, addresses and `unix`. */
export function networkList(): Parser<readonly string[]> {
  const what = 'networks such as 10.0.0.0/8, addresses, or unix for Unix sockets, separated by commas'
  return listOf(what, (value) => (isNetwork(value) ? value : undefined), asItIs)
}

/** Origins of web pages, as browsers write them. */
export function originList(): Parser<readonly string[]> {
  const what = 'origins such as https://app.example, separated by commas'
  return listOf(what, (value) => (isOrigin(value) ? value : undefined), asItIs)
}

/** `mq.example.com=cert.pem:key.pem` */
export function tlsHostList(): Parser<readonly TlsHostFiles[]> {
  const print = ({ name, certFile, keyFile }: TlsHostFiles): string => `${name}=${certFile}:${keyFile}`
  const parse = (value: string): TlsHostFiles | undefined => {
    const { name, certFile, keyFile } =
      /^(?<name>(?:\*\.)?[\w.-]+)=(?<certFile>[^:]+):(?<keyFile>[^:]+)$/.exec(value)?.groups ?? {}
    return name === undefined || certFile === undefined || keyFile === undefined
      ? undefined
      : { name, certFile, keyFile }
  }
  return listOf('host=certificate:key, separated by commas', parse, print)
}

/** Permissions of a file, as `chmod` takes them. */
export function fileMode(): Parser<number> {
  return {
    allowed: 'an octal number such as 660',
    parse: (value) => (/^0?[0-7]{3}$/.test(value) ? Number.parseInt(value, 8) : undefined),
    print: (value) => value.toString(8).padStart(3, '0'),
  }
}

export function cipherList(): Parser<readonly string[]> {
  return {
    allowed: "names separated by commas, or 'default'",
    parse: (value) => {
      if (value === 'default') return []
      const names = value.split(/[,:]/).map((name) => name.trim())
      return names.every((name) => /^[\w@=!+-]+$/.test(name)) ? names : undefined
    },
    print: (names) => names.join(',') || 'default',
  }
}

function listOf<T>(
  what: string,
  parseOne: (value: string) => T | undefined,
  printOne: (value: T) => string,
): Parser<readonly T[]> {
  return {
    allowed: `${what}, or 'none'`,
    parse: (value) => {
      if (value === 'none') return []
      const found = value.split(',').map((one) => parseOne(one.trim()))
      const known = found.filter((one) => one !== undefined)
      return known.length === found.length ? known : undefined
    },
    print: (list) => list.map(printOne).join(',') || 'none',
  }
}
