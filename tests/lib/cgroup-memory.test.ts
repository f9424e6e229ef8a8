import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cgroupMemoryBytes } from '../../src/lib/cgroup-memory.ts'

const GIB = 1024 ** 3
const NO_LIMIT_V1 = '9223372036854771712\n'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'leveret-cgroup-'))
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function files(contents: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
}

test('a system without control groups limits nothing', () => {
  expect(cgroupMemoryBytes(root)).toBe(Number.POSITIVE_INFINITY)
})

describe('version 2', () => {
  test('the group of a container, which sees itself as the root', () => {
    files({ 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/memory.max': `${GIB}\n` })
    expect(cgroupMemoryBytes(root)).toBe(GIB)
  })

  test('no limit', () => {
    files({
      'proc/self/cgroup': '0::/user.slice\n',
      'sys/fs/cgroup/user.slice/memory.max': 'max\n',
      'sys/fs/cgroup/user.slice/memory.high': 'max\n',
    })
    expect(cgroupMemoryBytes(root)).toBe(Number.POSITIVE_INFINITY)
  })

  test('the least of all groups above counts', () => {
    files({
      'proc/self/cgroup': '0::/system.slice/broker.service\n',
      'sys/fs/cgroup/system.slice/broker.service/memory.max': `${4 * GIB}\n`,
      'sys/fs/cgroup/system.slice/memory.max': `${2 * GIB}\n`,
    })
    expect(cgroupMemoryBytes(root)).toBe(2 * GIB)
  })

  test('what slows the process down counts like what ends it', () => {
    files({
      'proc/self/cgroup': '0::/a\n',
      'sys/fs/cgroup/a/memory.max': 'max\n',
      'sys/fs/cgroup/a/memory.high': `${3 * GIB}\n`,
    })
    expect(cgroupMemoryBytes(root)).toBe(3 * GIB)
  })

  test('a path that only the machine has: the files of the container are its own group', () => {
    files({ 'proc/self/cgroup': '0::/../docker/abc\n', 'sys/fs/cgroup/memory.max': `${GIB}\n` })
    expect(cgroupMemoryBytes(root)).toBe(GIB)
  })
})

describe('version 1', () => {
  const lines = (path: string) => `12:cpu,cpuacct:${path}\n5:memory:${path}\n1:name=systemd:${path}\n0::${path}\n`

  test('the group of the process, in the tree of the machine', () => {
    files({
      'proc/self/cgroup': lines('/docker/abc'),
      'sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': `${GIB}\n`,
      'sys/fs/cgroup/memory/memory.limit_in_bytes': NO_LIMIT_V1,
    })
    expect(cgroupMemoryBytes(root)).toBe(GIB)
  })

  test('the files of a container begin at its own group', () => {
    files({
      'proc/self/cgroup': lines('/docker/abc'),
      'sys/fs/cgroup/memory/memory.limit_in_bytes': `${GIB}\n`,
    })
    expect(cgroupMemoryBytes(root)).toBe(GIB)
  })

  test('no limit', () => {
    files({ 'proc/self/cgroup': lines('/'), 'sys/fs/cgroup/memory/memory.limit_in_bytes': NO_LIMIT_V1 })
    expect(cgroupMemoryBytes(root)).toBe(Number.POSITIVE_INFINITY)
  })

  test('the limit of another controller is none of memory', () => {
    files({
      'proc/self/cgroup': '5:pids:/a\n',
      'sys/fs/cgroup/memory/a/memory.limit_in_bytes': `${GIB}\n`,
      'sys/fs/cgroup/memory.max': `${GIB}\n`,
    })
    expect(cgroupMemoryBytes(root)).toBe(Number.POSITIVE_INFINITY)
  })
})
