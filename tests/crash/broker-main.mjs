// The broker of the crash tests: the built one, with small log files and little memory, so that rotation, checkpoints,
// moved messages, eviction and reading back all happen within seconds. Its only argument is the options as JSON.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { killingFiles } from './killing-files.mjs'

// Hundreds of these are started, and as CommonJS their modules load with a third less work.
const require = createRequire(import.meta.url)
const { ServerBuilder } = require('../../dist/cjs/src/index.js')
const { LevelStorage } = require('../../dist/cjs/storage/level/level-storage.js')

const STORE_FAILED = 3
const { killsItself, ...options } = JSON.parse(process.argv[2])

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

const killing = killsItself ? await killingFiles(join(options.folder, 'log')) : undefined
const storage = new LevelStorage({
  ...options,
  files: killing?.files,
  onDamage: (text) => say({ damage: text }),
  onFatal: (error) => {
    process.stderr.write(`${error.stack}\n`)
    process.exit(STORE_FAILED)
  },
})
const silent = () => {}
const logger = {
  debug: silent,
  info: silent,
  warn: silent,
  error: ({ err }, text) => say({ error: `${text} ${err?.stack ?? ''}` }),
}
const server = new ServerBuilder()
  .withConfig({ port: 0, heartbeatSec: 0 })
  .withStorage(storage)
  .withLogger(logger)
  .build()
const [address] = await server.listen()
// Each line says when the process is to kill itself, what it is to move, or which virtual host it is to make or remove. When the test
// that started it is gone, nothing else would end it.
createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { move, vhost, ...aim } = JSON.parse(line)
    if (move !== undefined) say({ moved: await server.broker.moveMessages(move.from, move.to) })
    else if (vhost !== undefined) {
      const { make, remove, afterTurns = 0 } = vhost
      if (remove !== undefined && server.virtualHosts.delete(remove) && make === undefined)
        await server.virtualHosts.whenDeleted(remove)
      for (let turn = 0; turn < afterTurns; turn++) await new Promise((resolve) => setImmediate(resolve))
      if (make !== undefined) server.virtualHosts.create(make)
      await server.broker.whenDurable()
      say({ isVhostChanged: true })
    } else {
      killing.aim(aim)
      say({ isAimed: true })
    }
  })
  .once('close', () => process.exit())
process.stdin.unref()
process.once('SIGTERM', () => void server.shutdown({ graceMs: 100 }))
say({ port: address.port, recovery: server.recovery, pid: process.pid })
