import { expect, test } from 'vitest'
import { createFileHeader, markIn, readFileHeader } from '../../../../storage/level/log/log-format.ts'

const STORE_ID = '0123456789abcdef'
/** Where the id of the store stands, with its CRC behind it. */
const [STORE_START, STORE_END] = [24, 36] as const

test('the header of a log file tells the store that it belongs to', () => {
  expect(readFileHeader(createFileHeader(false, STORE_ID))?.storeId).toBe(STORE_ID)
  expect(readFileHeader(createFileHeader())?.storeId).toBeUndefined()
})

test('a file from before stores had an id is read, and tells none', () => {
  const header = createFileHeader(true, STORE_ID)
  header.fill(0, STORE_START, STORE_END)
  expect(readFileHeader(header)).toEqual({
    version: 1,
    isReused: true,
    mark: markIn(header),
    storeId: undefined,
    isDamaged: false,
  })
})

test('an id with a wrong byte counts as none, and the file is read all the same', () => {
  for (let at = STORE_START; at < STORE_END; at++) {
    const header = createFileHeader(false, STORE_ID)
    header.writeUInt8(header.readUInt8(at) ^ 1, at)
    expect(readFileHeader(header)).toMatchObject({ storeId: undefined, isDamaged: false })
  }
})
