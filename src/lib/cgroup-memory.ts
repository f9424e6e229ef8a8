/**
 * What control groups (containers, services of systemd) let this process have. The process is in one group of version 2, or for
 * memory in one of version 1; each group above it may allow less. In a container, the files often begin at its own group although
 * the process is told its place in the whole tree: folders that are not there are passed over.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Above this, version 1 means no limit. */
const NO_LIMIT_BYTES = 2 ** 60

interface Hierarchy {
  readonly mount: string
  /** The limits that a group has: what is reached first counts. Above `memory.high`, the system slows the process down. */
  readonly files: readonly string[]
}

const UNIFIED: readonly Hierarchy[] = ['sys/fs/cgroup', 'sys/fs/cgroup/unified'].map((mount) => ({
  mount,
  files: ['memory.max', 'memory.high'],
}))
const MEMORY: readonly Hierarchy[] = [{ mount: 'sys/fs/cgroup/memory', files: ['memory.limit_in_bytes'] }]

/** In bytes; Infinity where there is no limit. `root` is where the system's files are. */
export function cgroupMemoryBytes(root = '/'): number {
  let bytes = Number.POSITIVE_INFINITY
  for (const [, controllers = '', path = ''] of text(join(root, 'proc/self/cgroup')).matchAll(
    /^\d+:([^:\n]*):(.*)$/gm,
  )) {
    const hierarchies = controllers.split(',').includes('memory') ? MEMORY : controllers === '' ? UNIFIED : []
    for (const { mount, files } of hierarchies) {
      for (const folder of foldersUpFrom(path)) {
        for (const file of files) bytes = Math.min(bytes, limitIn(join(root, mount, folder, file)))
      }
    }
  }
  return bytes
}

/** `/a/b` → `a/b`, `a` and the root. */
function foldersUpFrom(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..')
  return Array.from({ length: names.length + 1 }, (_, i) => names.slice(0, names.length - i).join('/'))
}

function limitIn(file: string): number {
  const found = text(file).trim()
  const bytes = /^\d+$/.test(found) ? Number(found) : Number.POSITIVE_INFINITY
  return bytes > 0 && bytes < NO_LIMIT_BYTES ? bytes : Number.POSITIVE_INFINITY
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // no Linux, or a group of the other version
  }
}
