/**
 * A store has an identity, made at random when it begins. Its log, its catalogue and the copy of its entities carry it: a
 * part of another store that is put beside them by hand is told from theirs.
 */
import { randomBytes } from 'node:crypto'

export const STORE_ID_BYTES = 8
const NO_ID = Buffer.alloc(STORE_ID_BYTES)

export function newStoreId(): string {
  return randomBytes(STORE_ID_BYTES).toString('hex')
}

/** Of what was written before stores had one, these bytes are zeros. */
export function encodeStoreId(id: string | undefined): Buffer {
  return id === undefined ? NO_ID : Buffer.from(id, 'hex')
}

export function decodeStoreId(bytes: Buffer): string | undefined {
  return bytes.length < STORE_ID_BYTES || bytes.equals(NO_ID) ? undefined : bytes.toString('hex')
}

/** False when both are known and differ. */
export function mayBeSameStore(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one === other
}
