// The files of the log, in a process that kills itself at one of its own writes or syncs: before it, while it is under way,
// or when it is done and nothing else has happened yet.
import { createRequire } from 'node:module'

const { openFolder } = createRequire(import.meta.url)('../../dist/cjs/storage/level/disk/files.js')

const AIMED_AT = ['write', 'writeThrough', 'sync']

const die = () => process.kill(process.pid, 'SIGKILL')

/** The target with some of its methods replaced. */
function replacing(target, methods) {
  return new Proxy(target, {
    get: (_, name) => methods[name] ?? (typeof target[name] === 'function' ? target[name].bind(target) : target[name]),
  })
}

/** `aim` lets so many writes and syncs pass, and has the process die `before`, `within` or `after` the next one. */
export async function killingFiles(folder) {
  let aimed
  const carryOut = async (operation) => {
    if (aimed === undefined || aimed.passing-- > 0) return await operation()
    if (aimed.when === 'before') die()
    const done = operation()
    if (aimed.when === 'within') {
      const at = performance.now() + aimed.withinUs / 1000
      while (performance.now() < at);
      die()
    }
    await done
    die()
  }
  const folderFiles = await openFolder(folder)
  const open = async (name) => {
    const file = await folderFiles.open(name)
    const methods = AIMED_AT.map((method) => [method, (...args) => carryOut(() => file[method](...args))])
    return replacing(file, Object.fromEntries(methods))
  }
  const aim = (next) => {
    aimed = next
  }
  return { files: replacing(folderFiles, { open }), aim }
}
