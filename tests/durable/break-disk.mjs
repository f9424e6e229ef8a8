// Loaded in front of a program (node --import): once the file that LEVERET_BREAK_DISK names is there, syncing or writing
// fails as its content says, for example `sync EIO` or `write ENOSPC`.
import fs from 'node:fs'

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
    // A write may sync as well: then everything was written, and nobody knows where it is.
    const unsynced = isWrite ? failure('sync') : undefined
    if (unsynced !== undefined) throw unsynced
    return result
  }
}
