import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

const SALT_BYTES = 4
const DIGEST_BYTES = 32

/** RabbitMQ's password hash: base64(salt ‖ sha256(salt ‖ password)). */
export function hashPassword(password: string | Buffer, salt: Buffer = randomBytes(SALT_BYTES)): string {
  return Buffer.concat([salt, digest(salt, Buffer.from(password))]).toString('base64')
}

/** Whether some password could have this hash. */
export function isPasswordHash(text: string): boolean {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === SALT_BYTES + DIGEST_BYTES && bytes.toString('base64') === text
}

export function isPassword(hash: string, password: Buffer): boolean {
  const bytes = Buffer.from(hash, 'base64')
  const expected = bytes.subarray(SALT_BYTES)
  const actual = digest(bytes.subarray(0, SALT_BYTES), password)
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

function digest(salt: Buffer, password: Buffer): Buffer {
  return createHash('sha256').update(salt).update(password).digest()
}
