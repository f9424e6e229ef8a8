/** The packed package where the optional one, LevelDB's, is not installed. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installPackage, run, writeProject } from './consumer.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leveret-optional-'))
  await writeProject(folder, {
    'memory.mjs': `
      import { startTestBroker } from 'leveret/testing'
      import { MemoryStorage } from 'leveret/storage'
      const server = await startTestBroker()
      server.broker.declareQueue('q')
      console.log(server.broker.queues().length, new MemoryStorage().isDurable)
      await server.stop()
    `,
    'durable.mjs': `
      import { ServerBuilder } from 'leveret'
      import { LevelStorage } from 'leveret/storage'
      const server = new ServerBuilder().withStorage(new LevelStorage({ folder: './orders' })).build()
      await server.start().catch((error) => console.log(error.message))
    `,
  })
  await installPackage(folder, '--omit=optional')
})

afterAll(() => rm(folder, { recursive: true }))

const REASON =
  'durable storage needs the package classic-level, which is not installed: ' +
  "run 'npm install classic-level', or keep everything in memory"

test('a broker in memory does not miss it', async () => {
  expect(existsSync(join(folder, 'node_modules/classic-level'))).toBe(false)
  expect(await run(process.execPath, ['memory.mjs'], folder)).toEqual({ code: 0, output: '1 false\n' })
})

test('a durable one says what to install, and leaves nothing behind', async () => {
  expect(await run(process.execPath, ['durable.mjs'], folder)).toEqual({ code: 0, output: `${REASON}\n` })
  expect(existsSync(join(folder, 'orders'))).toBe(false)
})

test('so does the command', async () => {
  const command = join(folder, 'node_modules/leveret/dist/src/cli/main.js')
  const { code, output } = await run(process.execPath, [command, '--port', '0', '--log-level', 'silent'], folder)
  expect([code, output]).toEqual([1, `leveret: cannot open the store in ${join(folder, 'leveret-data')}: ${REASON}\n`])
})
