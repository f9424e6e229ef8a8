import { expect, test } from 'vitest'
import { identityOf } from '../../../../storage/level/disk/file-identity.ts'

test('files are told apart by every digit of their numbers', () => {
  const ino = 2n ** 60n
  expect(identityOf({ dev: 1n, ino })).not.toBe(identityOf({ dev: 1n, ino: ino + 1n }))
  expect(identityOf({ dev: ino, ino: 1n })).not.toBe(identityOf({ dev: ino + 1n, ino: 1n }))
  expect(identityOf({ dev: 1n, ino })).toBe(identityOf({ dev: 1n, ino }))
})
