import { expect, test } from 'vitest'
import { FrameError, printBytes } from '../../protocol/errors.ts'

test('a FrameError carries code, text and ids, and names its code in the message', () => {
  const error = new FrameError(501, 'cannot decode <<1>>', 50, 10)
  expect(error).toMatchObject({ name: 'FrameError', code: 501, text: 'cannot decode <<1>>', classId: 50, methodId: 10 })
  expect(error.message).toBe('FRAME_ERROR - cannot decode <<1>>')
  expect(new FrameError(505, 'x')).toMatchObject({ classId: 0, methodId: 0 })
})

test('printBytes quotes at most 16 bytes of a range', () => {
  const bytes = Uint8Array.from({ length: 40 }, (_, index) => index)
  expect(printBytes(bytes)).toBe('<<0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15>>')
  expect(printBytes(bytes, 38)).toBe('<<38,39>>')
  expect(printBytes(bytes, 3, 5)).toBe('<<3,4>>')
  expect(printBytes(bytes, 3, 3)).toBe('<<>>')
})
