/**
 * What is kept of a password, in two forms. RabbitMQ's is base64(salt ‖ digest(salt ‖ password)), by SHA-256, SHA-512 or,
 * for users that come from old brokers, MD5. Ours is scrypt's, which takes a guesser memory as well as time:
 *
 *     $scrypt$ln=14,r=8,p=1$<salt>$<key>
 *
 * with the logarithm of the cost, the size of a block, the parallelism, and salt and key in base64. A hash says itself what it
 * was made with, so that these numbers may rise.
 */
import { createHash, randomBytes, scrypt, scryptSync, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const DIGEST_BYTES = { sha256: 32, sha512: 64, md5: 16 } as const
const DIGEST_SALT_BYTES = 4
const SCRYPT_SALT_BYTES = 16
const SCRYPT_KEY_BYTES = 32
const SCRYPT_COST = { ln: 14, r: 8, p: 1 } as const
/** What checking one password may take, so that a hash from elsewhere cannot ask for all of the machine. */
const SCRYPT_MEMORY_BYTES_MAX = 64 * 1024 * 1024
const SCRYPT_P_MAX = 8
const RABBITMQ_PREFIX = 'rabbit_password_hashing_'

type Digest = keyof typeof DIGEST_BYTES
export type HashingAlgorithm = Digest | 'scrypt'
/** MD5 is for passwords that were hashed elsewhere. */
export type NewHashing = Exclude<HashingAlgorithm, 'md5'>

export interface PasswordHash {
  readonly algorithm: HashingAlgorithm
  readonly text: string
}

interface ScryptHash {
  readonly options: { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number }
  readonly salt: Buffer
  readonly key: Buffer
}

/** `sha256`, or RabbitMQ's `rabbit_password_hashing_sha256`; undefined for what is no algorithm. */
export function hashingAlgorithm(name: string): HashingAlgorithm | undefined {
  const short = name.startsWith(RABBITMQ_PREFIX) ? name.slice(RABBITMQ_PREFIX.length) : name
  return short === 'scrypt' || Object.hasOwn(DIGEST_BYTES, short) ? (short as HashingAlgorithm) : undefined
}

/** What RabbitMQ calls it in definitions; scrypt, which it does not know, has no prefix. */
export function hashingName(algorithm: HashingAlgorithm): string {
  return algorithm === 'scrypt' ? algorithm : `${RABBITMQ_PREFIX}${algorithm}`
}

/** scrypt takes some 50 ms, on a thread of Node's pool. */
export async function hashPassword(password: string | Buffer, algorithm: NewHashing): Promise<PasswordHash> {
  if (algorithm !== 'scrypt') return digestHash(password, algorithm)
  const salt = randomBytes(SCRYPT_SALT_BYTES)
  return scryptText(salt, await derive(Buffer.from(password), salt, SCRYPT_KEY_BYTES, scryptOptions(SCRYPT_COST)))
}

/** scrypt holds the process up for some 50 ms. */
export function hashPasswordNow(password: string | Buffer, algorithm: NewHashing): PasswordHash {
  if (algorithm !== 'scrypt') return digestHash(password, algorithm)
  const salt = randomBytes(SCRYPT_SALT_BYTES)
  return scryptText(salt, scryptSync(password, salt, SCRYPT_KEY_BYTES, scryptOptions(SCRYPT_COST)))
}

/** A hash that no password has, for what takes as long as a comparison with a real one. */
export function hashOfNoPassword(algorithm: NewHashing): PasswordHash {
  if (algorithm !== 'scrypt') return digestHash(randomBytes(SCRYPT_KEY_BYTES), algorithm)
  return scryptText(randomBytes(SCRYPT_SALT_BYTES), randomBytes(SCRYPT_KEY_BYTES))
}

/** RabbitMQ's form. */
export function digestHash(
  password: string | Buffer,
  algorithm: Digest,
  salt: Buffer = randomBytes(DIGEST_SALT_BYTES),
): PasswordHash {
  const digest = digestOf(algorithm, salt, Buffer.from(password))
  return { algorithm, text: Buffer.concat([salt, digest]).toString('base64') }
}

/** Whether some password could have this hash. */
export function isPasswordHash({ algorithm, text }: PasswordHash): boolean {
  if (algorithm === 'scrypt') return parseScrypt(text) !== undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === DIGEST_SALT_BYTES + DIGEST_BYTES[algorithm] && bytes.toString('base64') === text
}

/** For RabbitMQ's hashes, within microseconds. */
export function hasDigest({ text }: PasswordHash, algorithm: Digest, password: Buffer): boolean {
  const bytes = Buffer.from(text, 'base64')
  const actual = digestOf(algorithm, bytes.subarray(0, DIGEST_SALT_BYTES), password)
  return isSame(bytes.subarray(DIGEST_SALT_BYTES), actual)
}

/** For scrypt's, within some 50 ms on a thread of Node's pool. */
export async function hasScryptKey({ text }: PasswordHash, password: Buffer): Promise<boolean> {
  const parsed = parseScrypt(text)
  if (parsed === undefined) return false
  return isSame(parsed.key, await derive(password, parsed.salt, parsed.key.length, parsed.options))
}

const derive = promisify<Buffer, Buffer, number, ScryptHash['options'], Buffer>(scrypt)

function digestOf(algorithm: Digest, salt: Buffer, password: Buffer): Buffer {
  return createHash(algorithm).update(salt).update(password).digest()
}

function isSame(expected: Buffer, actual: Buffer): boolean {
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

function scryptText(salt: Buffer, key: Buffer): PasswordHash {
  const { ln, r, p } = SCRYPT_COST
  return {
    algorithm: 'scrypt',
    text: `$scrypt$ln=${ln},r=${r},p=${p}$${salt.toString('base64')}$${key.toString('base64')}`,
  }
}

function scryptOptions({ ln, r, p }: { readonly ln: number; readonly r: number; readonly p: number }) {
  return { N: 2 ** ln, r, p, maxmem: SCRYPT_MEMORY_BYTES_MAX + 1024 * 1024 }
}

function parseScrypt(text: string): ScryptHash | undefined {
  const match =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{8,88}={0,2})\$([A-Za-z0-9+/]{20,88}={0,2})$/.exec(text)
  if (match === null) return undefined
  const [ln = 0, r = 0, p = 0] = match.slice(1, 4).map(Number)
  const isBearable = 128 * 2 ** ln * r <= SCRYPT_MEMORY_BYTES_MAX && p <= SCRYPT_P_MAX
  if (ln < 1 || r < 1 || p < 1 || !isBearable) return undefined
  const [salt = '', key = ''] = match.slice(4)
  return { options: scryptOptions({ ln, r, p }), salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64') }
}
