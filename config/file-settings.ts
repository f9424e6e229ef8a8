// What a config file means. Most keys are rows of the option table. RabbitMQ spells a few settings as families of keys
// (`listeners.tcp.1`, `loopback_users.guest`, `auth_mechanisms.1`); each family is a function here. Keys that would make
// the broker safer than it can be are refused, never skipped.

import { resolve } from 'node:path'
import { nearest } from '../src/lib/nearest.ts'
import { type ConfEntry, parseConfText } from './conf-text.ts'
import { foreignKeyReason } from './foreign-keys.ts'
import { LISTENER_FAMILIES } from './listener-families.ts'
import { fileKeys, OPTION_NAMES, type OptionName } from './options.ts'
import type { Family, FileReading, Settings } from './settings.ts'

const FAMILIES: readonly Family[] = [
  ...LISTENER_FAMILIES,
  { key: /^log\.(?:console|dir|file)$/, read: readLogPlaces },
  { key: /^loopback_users\../, read: readLoopbackUsers },
  { key: /^default_user_tags\../, read: readUserTags },
  { key: /^auth_mechanisms\./, read: readMechanisms },
  { key: /^auth_backends\./, read: readBackends },
  { key: /^auth_cache\.cached_backend\./, read: readCachedBackend },
  { key: /^auth_oauth2\.signing_keys\./, read: readPairs('authOauth2SigningKeys', 'auth_oauth2.signing_keys.') },
  { key: /^auth_oauth2\.scope_aliases\./, read: readPairs('authOauth2ScopeAliases', 'auth_oauth2.scope_aliases.') },
  { key: /^auth_oauth2\.oauth_providers\./, read: readPairs('authOauth2Providers', 'auth_oauth2.oauth_providers.') },
  { key: /^auth_oauth2\.algorithms\./, read: readList('authOauth2Algorithms', 'auth_oauth2.algorithms.') },
  {
    key: /^auth_oauth2\.preferred_username_claims\./,
    read: readList('authOauth2PreferredUsernameClaims', 'auth_oauth2.preferred_username_claims.'),
  },
  { key: /^credential_validator\.validation_backend$/, read: readValidator },
  { key: /^definitions\.import_backend$/, read: readImportBackend },
]

/** Security settings of RabbitMQ's that Leveret does not have, and the values that ask for nothing it lacks. */
const SECURITY_KEYS: readonly { readonly key: RegExp; readonly harmless: readonly string[] }[] = [
  {
    key: /^(?:ssl_options|(?:management|prometheus)\.ssl)\.(?:client_renegotiation|use_sslv2|use_sslv3)$/,
    harmless: ['false'],
  },
  { key: /^(?:management|prometheus)\.ssl\.honor_cipher_order$/, harmless: ['true'] },
  {
    key: /^(?:ssl_options|(?:management|prometheus)\.ssl)\.(?:secure_renegotiate|honor_ecc_order|reuse_sessions)$/,
    harmless: ['true', 'false'],
  },
  { key: /^auth_(?:oauth2\.https|http\.ssl_options)\.(?:peer_verification|verify)$/, harmless: ['verify_peer'] },
  { key: /^management\.(?:listener\.ssl|disable_basic_auth)$/, harmless: ['false'] },
  {
    key: /^(?:ssl_options|(?:management|prometheus)\.ssl\.|management\.listener\.ssl_opts\.|auth_ldap\.|auth_http\.|auth_oauth2\.|auth_cache\.)/,
    harmless: [],
  },
  { key: /^default_permissions\./, harmless: ['.*'] },
]

/** `name` is what the errors call the file. */
export function fileSettings(name: string, text: string): Settings {
  const { entries, unreadableLines } = parseConfText(text)
  const reading: FileReading = {
    values: new Map(),
    errors: unreadableLines.map((line) => `${name}, line ${line}: not of the form 'key = value'`),
    warnings: [],
    origin: (entry) => `${entry.key} in ${name}, line ${entry.line}`,
  }
  const optionOfKey = new Map(OPTION_NAMES.flatMap((option) => fileKeys(option).map((key) => [key, option] as const)))
  for (const entry of entries) {
    const option = optionOfKey.get(entry.key)
    if (option !== undefined) reading.values.set(option, { text: entry.value, origin: reading.origin(entry) })
    else if (!FAMILIES.some((family) => family.key.test(entry.key))) readOther(entry, [...optionOfKey.keys()], reading)
  }
  for (const family of FAMILIES) {
    const own = entries.filter((entry) => family.key.test(entry.key))
    if (own.length > 0) family.read(own, reading)
  }
  return reading
}

function readOther(entry: ConfEntry, knownKeys: readonly string[], reading: FileReading): void {
  const security = SECURITY_KEYS.find(({ key }) => key.test(entry.key))
  if (security === undefined) reading.warnings.push(ignored(entry, knownKeys, reading))
  else if (!security.harmless.includes(entry.value)) {
    const allowed = security.harmless.length === 0 ? '' : `, other than the value '${security.harmless[0]}'`
    reading.errors.push(`${reading.origin(entry)} is a security setting that Leveret does not support${allowed}`)
  }
}

function ignored(entry: ConfEntry, knownKeys: readonly string[], reading: FileReading): string {
  const reason = foreignKeyReason(entry.key)
  if (reason !== undefined) return `${reading.origin(entry)} is ignored: ${reason}`
  const alike = nearest(entry.key, knownKeys)
  const hint = alike === undefined ? '' : `; did you mean ${alike}?`
  return `unknown key ${reading.origin(entry)} is ignored${hint}`
}

/** Where the log goes: `log.file` is a name in `log.dir`, or false; `log.console` may be false. */
function readLogPlaces(entries: readonly ConfEntry[], reading: FileReading): void {
  const last = (key: string): ConfEntry | undefined => entries.findLast((entry) => entry.key === key)
  const [console, directory, file] = [last('log.console'), last('log.dir'), last('log.file')]
  if (console !== undefined && switchedOn([console], '', reading).length === 0) {
    reading.values.set('logLevel', { text: 'silent', origin: reading.origin(console) })
  }
  if (file === undefined || file.value === 'false') return
  const path = directory === undefined ? file.value : resolve(directory.value, file.value)
  reading.values.set('logFile', { text: path, origin: reading.origin(file) })
}

/** Each key names a user; once there is one such key, only the users set to true are bound to this machine. */
function readLoopbackUsers(entries: readonly ConfEntry[], reading: FileReading): void {
  const users = switchedOn(entries, 'loopback_users.', reading)
  setFrom(entries, 'loopbackUsers', users.join(',') || 'none', reading)
}

/** Each key names a tag, which the default user has if it is set to true. */
function readUserTags(entries: readonly ConfEntry[], reading: FileReading): void {
  const tags = switchedOn(entries, 'default_user_tags.', reading)
  setFrom(entries, 'defaultUserTags', tags.join(',') || 'none', reading)
}

/** The names behind the prefix whose value is true. */
function switchedOn(entries: readonly ConfEntry[], prefix: string, reading: FileReading): string[] {
  for (const entry of entries) {
    if (entry.value !== 'true' && entry.value !== 'false') {
      reading.errors.push(`${reading.origin(entry)} is '${entry.value}': must be true or false`)
    }
  }
  return entries.filter(({ value }) => value === 'true').map(({ key }) => key.slice(prefix.length))
}

function readMechanisms(entries: readonly ConfEntry[], reading: FileReading): void {
  readList('authMechanisms', 'auth_mechanisms.')(entries, reading)
}

/** `prefix.1`, `prefix.2` …: one value each, in the order of their numbers. */
function readList(option: OptionName, prefix: string): Family['read'] {
  const place = ({ key }: ConfEntry): number => Number(key.slice(prefix.length))
  return (entries, reading) => {
    const values = [...entries].sort((a, b) => place(a) - place(b)).map(({ value }) => value)
    setFrom(entries, option, values.join(','), reading)
  }
}

/** `prefix.NAME`: one pair each. */
function readPairs(option: OptionName, prefix: string): Family['read'] {
  return (entries, reading) => {
    const pairs = entries.map(({ key, value }) => `${key.slice(prefix.length)}=${value}`)
    setFrom(entries, option, pairs.join(','), reading)
  }
}

/** `auth_backends.1`, or `auth_backends.1.authn` and `auth_backends.1.authz`. */
function readBackends(entries: readonly ConfEntry[], reading: FileReading): void {
  const byPlace = new Map<number, ConfEntry[]>()
  for (const entry of entries) {
    const place = Number(/^auth_backends\.(\d+)(?:\.authn|\.authz(?:\.\d+)?)?$/.exec(entry.key)?.[1] ?? Number.NaN)
    if (Number.isNaN(place))
      reading.errors.push(`${reading.origin(entry)} is a security setting that Leveret does not support`)
    else byPlace.set(place, [...(byPlace.get(place) ?? []), entry])
  }
  const places = [...byPlace.keys()].sort((a, b) => a - b)
  const links = places.map((place) => backendLink(byPlace.get(place) ?? []))
  setFrom(entries, 'authBackends', links.join(','), reading)
}

function readCachedBackend(entries: readonly ConfEntry[], reading: FileReading): void {
  setFrom(entries, 'authCacheBackend', backendLink(entries), reading)
}

/** `http:internal`, as the flag has it. */
function backendLink(entries: readonly ConfEntry[]): string {
  const authz = entries.filter(({ key }) => /\.authz(?:\.\d+)?$/.test(key)).map(({ value }) => value)
  const authn = entries.filter(({ key }) => !/\.authz(?:\.\d+)?$/.test(key)).map(({ value }) => value)
  return authz.length === 0 ? authn.join(',') : `${authn.join(',')}:${authz.join('+')}`
}

function setFrom(entries: readonly ConfEntry[], option: OptionName, text: string, reading: FileReading): void {
  const [first] = entries
  if (first !== undefined) reading.values.set(option, { text, origin: reading.origin(first) })
}

/** Where `definitions.local.path` is, and nothing else. */
function readImportBackend(entries: readonly ConfEntry[], reading: FileReading): void {
  for (const entry of entries) {
    if (entry.value === 'local_filesystem') continue
    reading.errors.push(`${reading.origin(entry)} is '${entry.value}': must be local_filesystem`)
  }
}

/** Which of the rules for passwords is in force; without this key, all that there are. */
const VALIDATORS: Readonly<Record<string, readonly OptionName[]>> = {
  rabbit_credential_validator_accept_everything: [],
  rabbit_credential_validator_min_password_length: ['passwordLengthMin'],
  rabbit_credential_validator_password_regexp: ['passwordPattern'],
}

function readValidator(entries: readonly ConfEntry[], reading: FileReading): void {
  const entry = entries.at(-1)
  if (entry === undefined) return
  const rules = VALIDATORS[entry.value]
  if (rules === undefined) {
    const allowed = Object.keys(VALIDATORS).join(', ')
    reading.errors.push(`${reading.origin(entry)} is '${entry.value}': must be one of ${allowed}`)
    return
  }
  for (const rule of ['passwordLengthMin', 'passwordPattern'] as const) {
    if (!rules.includes(rule)) reading.values.delete(rule)
  }
}
