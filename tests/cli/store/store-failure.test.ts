import { expect, test } from 'vitest'
import { withStoreContext } from '../../../src/cli/store/store-command-context.ts'
import { commandFailure } from '../../../src/cli/store/store-failure.ts'
import { DataFolderError } from '../../../storage/level/recovery/data-folder.ts'
import { TestContext } from '../serve-context.ts'

const FAILED = 'Database failed to open'

test.each([
  ['IO error: /data/.check/catalogue/000012.log: No space left on device', 'the disk is full'],
  ['IO error: /data/.check/catalogue/LOCK: Read-only file system', 'the disk is read-only'],
  ['IO error: /data/.check/catalogue/LOCK: Permission denied', 'this user may not write there'],
])('a command that LevelDB fails says what the system said and what that means: %s', async (spoken, meaning) => {
  const context = new TestContext()
  const fails = async (): Promise<number> => {
    throw Object.assign(new Error(FAILED, { cause: new Error(spoken) }), { code: 'LEVEL_DATABASE_NOT_OPEN' })
  }
  expect(await withStoreContext(new Map(), context, fails)).toBe(3)
  expect(context.printedErrors).toEqual([`leveret: ${FAILED}: ${spoken}: ${meaning}`])
})

test('what is a sentence already is told as it is', () => {
  const copying = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  expect(commandFailure(copying)).toBe('ENOSPC: no space left on device, write: the disk is full')
  const inUse = new DataFolderError('the folder is in use', { cause: new Error('lock') })
  expect(commandFailure(inUse)).toBe('the folder is in use')
  expect(commandFailure(new Error('strange things'))).toBe('strange things')
  expect(commandFailure('nonsense')).toBe('nonsense')
})
