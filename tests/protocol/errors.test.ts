import { expect, test } from 'vitest'
import { FrameError, unexpectedFrame, unknownFrame } from '../../protocol/errors.ts'

test('a FrameError carries code, text and ids, and names its code in the message', () => {
  const error = new FrameError(501, 'cannot decode <<1>>', 50, 10)
  expect(error).toMatchObject({ name: 'FrameError', code: 501, text: 'cannot decode <<1>>', classId: 50, methodId: 10 })
  expect(error.message).toBe('FRAME_ERROR - cannot decode <<1>>')
  expect(new FrameError(505, 'x')).toMatchObject({ classId: 0, methodId: 0 })
})

test('a frame that cannot be is quoted with at most 16 octets of its payload', () => {
  const bytes = Uint8Array.from({ length: 40 }, (_, index) => index)
  expect(unknownFrame(9, bytes, 0, 40)).toMatchObject({
    code: 501,
    text: 'type 9, first 16 octets = <<0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15>>: unknown_frame',
  })
  expect(unknownFrame(1, bytes, 2, 4).text).toBe('type 1, all octets = <<2,3>>: unknown_frame')
  expect(unexpectedFrame(2, bytes, 3, 3)).toMatchObject({ code: 505, text: 'type 2, all octets = <<>>' })
  expect(unexpectedFrame(3, Buffer.from('0123456789abcdefX'), 0, 17).text).toBe(
    'type 3, first 16 octets = <<"0123456789abcdef">>',
  )
})
