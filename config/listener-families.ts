// The families of keys about listeners and TLS: `listeners.tcp.1`, `listeners.ssl.1`, `ssl_options.versions.1`.
import type { ConfEntry } from './conf-text.ts'
import { parsePlace } from './listener-parsers.ts'
import type { OptionName } from './options.ts'
import type { Family, FileReading } from './settings.ts'

export const LISTENER_FAMILIES: readonly Family[] = [
  { key: /^listeners\.tcp(?:\.(?!default$).*)?$/, read: (entries, reading) => readTcp(entries, reading) },
  { key: /^listeners\.ssl(?:\.(?!default$).*)?$/, read: (entries, reading) => readTls(entries, reading) },
  { key: /^ssl_options\.versions\./, read: (entries, reading) => readList('tlsVersions', entries, reading) },
  { key: /^ssl_options\.ciphers\./, read: (entries, reading) => readList('tlsCiphers', entries, reading) },
  {
    key: /^management\.ssl\.versions\./,
    read: (entries, reading) => readList('managementTlsVersions', entries, reading),
  },
  {
    key: /^management\.ssl\.ciphers\./,
    read: (entries, reading) => readList('managementTlsCiphers', entries, reading),
  },
  {
    key: /^prometheus\.ssl\.versions\./,
    read: (entries, reading) => readList('metricsTlsVersions', entries, reading),
  },
  {
    key: /^prometheus\.ssl\.ciphers\./,
    read: (entries, reading) => readList('metricsTlsCiphers', entries, reading),
  },
]

/** The first one takes the place of `bind` and `port`, unless there is a default one beside it. */
function readTcp(entries: readonly ConfEntry[], reading: FileReading): void {
  const places = placesOf('port', entries, reading)
  const [first] = places
  if (first !== undefined && !reading.values.has('port')) {
    places.shift()
    const { host, port } = parsePlace(first.value) ?? { host: undefined, port: 0 } // it was just read
    const origin = reading.origin(first)
    if (host !== undefined) reading.values.set('bind', { text: host, origin })
    reading.values.set('port', { text: String(port), origin })
  }
  setPlaces('tcpListeners', places, reading)
}

/** With addresses of its own and no default one, TLS has no port on the address of the others. */
function readTls(entries: readonly ConfEntry[], reading: FileReading): void {
  const places = placesOf('tlsPort', entries, reading)
  const [first] = places
  if (first !== undefined && !reading.values.has('tlsPort'))
    reading.values.set('tlsPort', { text: 'none', origin: reading.origin(first) })
  setPlaces('tlsListeners', places, reading)
}

/** Those that can be understood. `listeners.tcp = none` turns off the port. */
function placesOf(port: OptionName, entries: readonly ConfEntry[], reading: FileReading): ConfEntry[] {
  return entries.filter((entry) => {
    const isWhole = /^listeners\.[a-z]+$/.test(entry.key)
    if (isWhole && entry.value === 'none') {
      reading.values.set(port, { text: 'none', origin: reading.origin(entry) })
      return false
    }
    if (!isWhole && parsePlace(entry.value) !== undefined) return true
    const allowed = isWhole
      ? "'none'; a listener has a key such as listeners.tcp.1"
      : 'a port, or an address and a port'
    reading.errors.push(`${reading.origin(entry)} is '${entry.value}': must be ${allowed}`)
    return false
  })
}

function setPlaces(option: OptionName, places: readonly ConfEntry[], reading: FileReading): void {
  const [first] = places
  if (first === undefined) return
  const text = places.map(({ value }) => value).join(',')
  reading.values.set(option, { text, origin: reading.origin(first) })
}

/** In the order of their keys. */
function readList(option: OptionName, entries: readonly ConfEntry[], reading: FileReading): void {
  const [first] = entries
  if (first === undefined) return
  const place = ({ key }: ConfEntry): number => Number(key.slice(key.lastIndexOf('.') + 1))
  const sorted = [...entries].sort((a, b) => place(a) - place(b))
  reading.values.set(option, { text: sorted.map(({ value }) => value).join(','), origin: reading.origin(first) })
}
