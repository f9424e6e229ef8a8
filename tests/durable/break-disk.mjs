// Loaded in front of a program (node --import): once the file that LEVERET_BREAK_DISK names is there, syncing or writing
// fails as its content says, for example `sync EIO` or `write ENOSPC`.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const trigger = process.env.LEVERET_BREAK_DISK

function failure(operation) {
  if (!fs.existsSync(trigger)) return undefined
  const [broken, code] = fs.readFileSync(trigger, 'utf8').split(' ')
  return broken === operation ? Object.assign(new Error(`${code}: injected, ${operation}`), { code }) : undefined
}

const handle = await fs.promises.open(process.execPath)
const prototype = Object.getPrototypeOf(handle)
await handle.close()
for (const name of ['sync', 'datasync', 'write', 'writev']) {
  const real = prototype[name]
  const isWrite = name.startsWith('write')
  prototype[name] = async function (...args) {
    const error = isWrite ? failure('write') : failure('sync')
    if (error !== undefined) throw error
    const result = await real.apply(this, args)
    // A write may sync as well: then everything was written, and where it is is uncertain.
    const unsynced = isWrite ? failure('sync') : undefined
    if (unsynced !== undefined) throw unsynced
    return result
  }
}

const realWrite = fs.write
fs.write = (fd, buffer, ...rest) => {
  const [from, length, offset, callback] = rest
  // What is written at an offset goes to a file of the store; the log of the broker goes to the end of whatever it is.
  if (typeof offset !== 'number') {
    realWrite(fd, buffer, ...rest)
    return
  }
  const error = failure('write')
  if (error !== undefined) {
    process.nextTick(callback, error)
    return
  }
  realWrite(fd, buffer, from, length, offset, (failed, written) => callback(failed ?? failure('sync') ?? null, written))
}
syncBuiltinESMExports()
