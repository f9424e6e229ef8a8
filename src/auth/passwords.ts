import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

const SALT_BYTES = 4

/** RabbitMQ's password hash: base64(salt ‖ sha256(salt ‖ password)). */
export function hashPassword(password: string | Buffer, salt: Buffer = randomBytes(SALT_BYTES)): string {
  return Buffer.concat([salt, digest(salt, Buffer.from(password))]).toString('base64')
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
