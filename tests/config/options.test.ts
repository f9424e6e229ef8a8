import { expect, test } from 'vitest'
import { GROUPS } from '../../config/option-row.ts'
import { environmentNames, fileKeys, flagName, OPTION_NAMES, OPTIONS, optionRow } from '../../config/options.ts'

test('flag, variable and key are made from the name of the row', () => {
  expect(flagName('frameMaxBytes')).toBe('frame-max')
  expect(flagName('shutdownGraceSec')).toBe('shutdown-grace')
  expect(environmentNames('frameMaxBytes')).toEqual(['LEVERET_FRAME_MAX'])
  expect(environmentNames('port')).toEqual(['LEVERET_PORT', 'RABBITMQ_NODE_PORT'])
  expect(fileKeys('port')).toEqual(['port', 'listeners.tcp.default'])
  expect(fileKeys('config')).toEqual([])
})

test('no two rows share a flag, a variable or a key', () => {
  for (const names of [
    OPTION_NAMES.map(flagName),
    OPTION_NAMES.flatMap(environmentNames),
    OPTION_NAMES.flatMap(fileKeys),
  ]) {
    expect(new Set(names).size).toBe(names.length)
  }
})

test('every default would be accepted if it were written out', () => {
  for (const name of OPTION_NAMES) {
    const row = optionRow(name)
    if (row.defaultValue === undefined) continue
    const text = row.defaultText ?? String(row.defaultValue)
    expect(row.parser.parse(text), name).toEqual(row.defaultValue)
  }
})

test('every row is in a group and says what it is', () => {
  for (const name of OPTION_NAMES) {
    expect(GROUPS).toContain(optionRow(name).group)
    expect(optionRow(name).doc.length, name).toBeGreaterThan(10)
  }
})

test('the defaults are those of RabbitMQ where it has the setting', () => {
  expect(OPTIONS.port.defaultValue).toBe(5672)
  expect(OPTIONS.frameMaxBytes.defaultValue).toBe(131_072)
  expect(OPTIONS.channelMax.defaultValue).toBe(2047)
  expect(OPTIONS.heartbeatSec.defaultValue).toBe(60)
  expect(OPTIONS.maxMessageSizeBytes.defaultValue).toBe(16_777_216)
  expect(OPTIONS.bind.defaultValue).toBe('127.0.0.1')
})
