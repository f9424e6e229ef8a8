/** Turns the text of a flag, variable or file entry into a value, and back. */
export interface Parser<T> {
  /** What is accepted, as it ends the sentence "must be …". */
  readonly allowed: string
  /** `undefined` when the text is not allowed. */
  parse(text: string): T | undefined
  /** A text that this value is parsed of. */
  print(value: T): string
}

export function integer(min: number, max: number): Parser<number> {
  return {
    allowed: `an integer from ${min} to ${max}`,
    parse: (text) => within(/^[0-9]{1,15}$/.test(text) ? Number(text) : undefined, min, max),
    print: String,
  }
}

/** How many there may be of something; `infinity`, as in rabbitmq.conf, stands for any number. */
export function countLimit(min: number, max: number): Parser<number> {
  return orInfinity(integer(min, max))
}

/** Bytes, with an optional unit: K, M, G, T and KiB … count in 1024, kB … in 1000. */
export function byteSize(min: number, max: number): Parser<number> {
  return {
    allowed: `a size from ${min} to ${max} bytes (${sizeExample(max)})`,
    parse: (text) => within(bytesOf(text), min, max),
    print: String,
  }
}

export function byteLimit(min: number, max: number): Parser<number> {
  return orInfinity(byteSize(min, max))
}

function orInfinity({ allowed, parse, print }: Parser<number>): Parser<number> {
  return {
    allowed: `${allowed}, or 'infinity'`,
    parse: (value) => (value === 'infinity' ? Number.POSITIVE_INFINITY : parse(value)),
    print: (value) => (value === Number.POSITIVE_INFINITY ? 'infinity' : print(value)),
  }
}

/** The text is the value. */
export const asItIs = (value: string): string => value

export function text(lengthMax: number): Parser<string> {
  return {
    allowed: `1 to ${lengthMax} bytes of text`,
    parse: (value) => (value !== '' && new TextEncoder().encode(value).length <= lengthMax ? value : undefined),
    print: asItIs,
  }
}

/** An IP address or a host name; whether it exists shows when the listener opens. */
export function hostAddress(): Parser<string> {
  return {
    allowed: 'an IP address or a host name',
    parse: (value) => (/^[0-9A-Za-z._:%-]{1,255}$/.test(value) ? value : undefined),
    print: asItIs,
  }
}

export function boolean(): Parser<boolean> {
  return choice({ true: true, on: true, yes: true, false: false, off: false, no: false }, 'true or false')
}

/** One of some names; the value of a name is what it stands for, so that several names can mean the same. */
export function choice<const T>(meanings: Readonly<Record<string, T>>, allowed?: string): Parser<T> {
  const names = new Map(Object.entries(meanings))
  const [only] = names.keys()
  return {
    allowed: allowed ?? (names.size === 1 ? `${only}` : `one of ${[...names.keys()].join(', ')}`),
    parse: (value) => names.get(value),
    print: (value) => [...names.keys()].find((name) => names.get(name) === value) ?? String(value),
  }
}

/** Names separated by commas; `none` is the empty list. */
export function nameList(): Parser<readonly string[]> {
  return {
    allowed: "names separated by commas, or 'none'",
    parse: (value) => {
      if (value === 'none') return []
      const names = value.split(',').map((name) => name.trim())
      return names.includes('') ? undefined : names
    },
    print: (names) => names.join(',') || 'none',
  }
}

/** As a `Host` header has them, but for the port. */
export function hostNames(): Parser<readonly string[]> {
  const names = nameList()
  return {
    allowed: "names of hosts without ports, separated by commas, or 'none'",
    parse: (value) => {
      const hosts = names.parse(value)
      return hosts?.every((host) => /^[\w.-]+$/.test(host)) ? hosts : undefined
    },
    print: names.print,
  }
}

/** `name=value` pairs, separated by commas; `none` is no pair. */
export function pairs(): Parser<ReadonlyMap<string, string>> {
  return {
    allowed: "NAME=VALUE pairs separated by commas, or 'none'",
    parse: (value) => {
      if (value === 'none') return new Map()
      const found = value.split(',').map((pair) => /^\s*(?<name>[^=\s]+)=(?<text>.*\S)\s*$/s.exec(pair)?.groups)
      const known = found.flatMap((groups) => (groups === undefined ? [] : [[groups.name, groups.text] as const]))
      const map = new Map(known.map(([name = '', text = '']) => [name, text]))
      return map.size === found.length ? map : undefined
    },
    print: (map) => Array.from(map, ([name, text]) => `${name}=${text}`).join(',') || 'none',
  }
}

/** Some of these names, each once, separated by commas. */
export function choices<T extends string>(names: readonly T[]): Parser<readonly T[]> {
  return {
    allowed: `names separated by commas, of ${names.join(', ')}`,
    parse: (value) => {
      const chosen = value.split(',').map((name) => names.find((known) => known === name.trim()))
      const found = chosen.filter((name) => name !== undefined)
      return found.length === chosen.length && new Set(found).size === found.length ? found : undefined
    },
    print: (chosen) => chosen.join(','),
  }
}

/** How much memory may be used before publishers are held back. */
export type MemoryLimit =
  /** Of the memory that the process may use. */
  { readonly fraction: number } | { readonly bytes: number }

export function memoryLimit(bytesMin: number): Parser<MemoryLimit> {
  return {
    allowed: `a fraction above 0 and up to 1, or a size of at least ${bytesMin} bytes, such as 512MiB`,
    parse: (value) => {
      const fraction = /^[0-9]*\.?[0-9]+$/.test(value) ? Number(value) : undefined
      if (fraction !== undefined && fraction <= 1) return fraction > 0 ? { fraction } : undefined
      const bytes = within(bytesOf(value), bytesMin, Number.MAX_SAFE_INTEGER)
      return bytes === undefined ? undefined : { bytes }
    },
    print: (limit) => String('bytes' in limit ? limit.bytes : limit.fraction),
  }
}

/** The limit in bytes on a machine (or in a container) that lets the process have `memoryBytes`. */
export function memoryLimitBytes(limit: MemoryLimit, memoryBytes: number): number {
  return 'bytes' in limit ? limit.bytes : Math.floor(limit.fraction * memoryBytes)
}

const UNITS = ['', 'k', 'm', 'g', 't']

function bytesOf(value: string): number | undefined {
  const match = /^([0-9]{1,15}) ?(?:([kmgt])(i?b)?)?$/i.exec(value)
  if (match === null) return undefined
  const [, count = '', unit = '', suffix = ''] = match
  const factor = suffix.toLowerCase() === 'b' ? 1000 : 1024
  return Number(count) * factor ** UNITS.indexOf(unit.toLowerCase())
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined
}

function sizeExample(bytes: number): string {
  return bytes % 1024 ** 2 === 0 ? `${bytes / 1024 ** 2}MiB` : `${Math.floor(bytes / 1024)}KiB`
}
