// The built broker over a disk that is slow: each sync takes a while, and writing has a pace. Its only argument is the
// options as JSON. Says its port and, whenever asked, how much memory it uses.
import { setTimeout as after } from 'node:timers/promises'
import { ServerBuilder } from '../../dist/src/index.js'
import { openFolder } from '../../dist/storage/level/disk/files.js'
import { LevelStorage } from '../../dist/storage/level/level-storage.js'

const { folder, syncMs, bytesPerSec, memoryBytes } = JSON.parse(process.argv[2])
const disk = await openFolder(`${folder}/log`)

/** The same object, but these methods. */
function changed(object, methods) {
  const get = (target, name) =>
    methods[name] ?? (typeof target[name] === 'function' ? target[name].bind(target) : target[name])
  return new Proxy(object, { get })
}

async function take(pieces) {
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  await after((bytes / bytesPerSec) * 1000)
}

function slow(file) {
  return changed(file, {
    async write(pieces, offset) {
      await take(pieces)
      await file.write(pieces, offset)
    },
    async writeThrough(pieces, offset) {
      await take(pieces)
      await after(syncMs)
      await file.writeThrough(pieces, offset)
    },
    async sync() {
      await after(syncMs)
      await file.sync()
    },
  })
}

const files = changed(disk, { open: async (name) => slow(await disk.open(name)) })
const storage = new LevelStorage({ folder, files, memoryBytes, logFileBytes: 16 * 1024 * 1024 })
const server = new ServerBuilder().withConfig({ port: 0, heartbeatSec: 0 }).withStorage(storage).build()
const [{ port }] = await server.listen()
process.on('message', () => process.send({ rssBytes: process.memoryUsage.rss() }))
process.send({ port })
