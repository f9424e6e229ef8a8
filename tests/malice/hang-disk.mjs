// Loaded in front of a program (node --import): once the file that LEVERET_HANG_DISK names is there, nothing that is written at an
// offset is ever written, as with a disk that hangs. The log of the broker goes to the end of whatever it is, and goes on.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const trigger = process.env.LEVERET_HANG_DISK
const hangs = () => fs.existsSync(trigger)

const handle = await fs.promises.open(process.execPath)
const prototype = Object.getPrototypeOf(handle)
await handle.close()
for (const name of ['sync', 'datasync', 'write', 'writev']) {
  const real = prototype[name]
  prototype[name] = function (...args) {
    return hangs() ? new Promise(() => {}) : real.apply(this, args)
  }
}

const realWrite = fs.write
fs.write = (fd, buffer, ...rest) => {
  if (typeof rest[2] === 'number' && hangs()) return
  realWrite(fd, buffer, ...rest)
}
syncBuiltinESMExports()
