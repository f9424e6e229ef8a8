import { expect, test } from 'vitest'
import {
  BARE_HEADER_BYTES,
  BASIC_CLASS_ID,
  BASIC_PUBLISH,
  BASIC_UNWEIGHTED,
  PROTOCOL_HEADER,
  PUBLISH_METHOD_ID,
  ReplyCode,
  replyCodeName,
} from '../../protocol/constants.ts'
import { METHODS } from '../../protocol/methods.ts'
import { encodeContentHeader } from '../../protocol/properties.ts'

test('replyCodeName gives the name of every reply code', () => {
  expect(replyCodeName(404)).toBe('NOT_FOUND')
  for (const [name, code] of Object.entries(ReplyCode)) expect(replyCodeName(code)).toBe(name)
})

test('replyCodeName gives the digits of a number that is no reply code', () => {
  expect(replyCodeName(418)).toBe('418')
})

test('the protocol header is AMQP 0-9-1', () => {
  expect(Buffer.from(PROTOCOL_HEADER).toString('latin1')).toBe('AMQP\x00\x00\x09\x01')
})

test('a publish and its header begin with the numbers of the method table', () => {
  const { classId, methodId } = METHODS['basic.publish']
  expect([classId, methodId]).toEqual([BASIC_CLASS_ID, PUBLISH_METHOD_ID])
  expect(BASIC_PUBLISH).toBe(classId * 0x1_0000 + methodId)
  const header = encodeContentHeader(5, {})
  expect(header.length).toBe(BARE_HEADER_BYTES)
  expect(header.readUInt32BE(0)).toBe(BASIC_UNWEIGHTED)
})
