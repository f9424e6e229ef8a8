import { expect, test } from 'vitest'
import { isOurProtocol } from '../../src/amqp/protocol-header.ts'
import { Block } from '../../src/lib/block.ts'

const told = (bytes: readonly number[]): boolean | undefined =>
  isOurProtocol(new Block(Buffer.from([0xff, ...bytes])), 1, 1 + bytes.length)

test.each([
  [[0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]],
  [[0x41, 0x4d, 0x51, 0x50, 1, 1, 0, 9]],
  [[0x41, 0x4d, 0x51, 0x50, 1, 1, 9, 1]],
])('the protocol header %j is ours, and not known to be before its last byte', (header) => {
  for (let length = 0; length < 8; length++) expect(told(header.slice(0, length)), String(length)).toBeUndefined()
  expect(told(header)).toBe(true)
  expect(told([...header, 1, 2, 3])).toBe(true)
})

test('another header is told by its first wrong byte', () => {
  for (let length = 1; length <= 8; length++) {
    const header = [0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1].slice(0, length)
    header[length - 1] = 0x7f
    expect(told(header), String(length)).toBe(false)
  }
})
