import { expect, test } from 'vitest'
import { PROTOCOL_HEADER, ReplyCode, replyCodeName } from '../../protocol/constants.ts'

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
