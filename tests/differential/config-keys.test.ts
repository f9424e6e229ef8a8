// What RabbitMQ may have in its rabbitmq.conf, by its own schemas: no key of them is taken for a typing mistake.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileSettings } from '../../config/file-settings.ts'

const RABBITMQ = '/usr/lib/rabbitmq/lib'

test('every key of RabbitMQ’s is known, and what means nothing here is said to', () => {
  const files = readdirSync(RABBITMQ, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.schema'))
  const keys = files.flatMap((file) => {
    const mappings = readFileSync(join(RABBITMQ, file), 'utf8').matchAll(/\{mapping,\s*"([^"]+)"/g)
    return [...mappings].map(([, key = '']) => key.replaceAll(/\$\w+/g, '1'))
  })
  expect(keys.length).toBeGreaterThan(500)
  const { warnings } = fileSettings('rabbitmq.conf', keys.map((key) => `${key} = 1`).join('\n'))
  expect(warnings.filter((warning) => warning.startsWith('unknown key'))).toEqual([])
})
