// What a power loss may leave of names, as the replay of system calls has it.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Keeps, TracedDisk, type TracedFile } from './traced-disk.ts'

const ROOT = '/store'
const NAMES = ['a', 'b'] as const

let place: string
let disk: TracedDisk

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'leveret-names-'))
  disk = emptyDisk()
})

afterEach(() => rmSync(place, { recursive: true, force: true }))

function emptyDisk(): TracedDisk {
  const disk = new TracedDisk(`${ROOT}/orderly`)
  disk.makeFolder(ROOT)
  disk.namesSynced(disk.changesIn('/'))
  return disk
}

function synced(name: string, content: string): TracedFile {
  const file = disk.make(`${ROOT}/${name}`)
  file.change({ offset: 0, bytes: Buffer.from(content) })
  file.synced(file.changes)
  disk.fileSynced(file)
  return file
}

/** What a power loss leaves, name by name. */
function left(disk: TracedDisk, keeps: Keeps): Record<string, string> {
  const folder = mkdtempSync(join(place, 'left-'))
  disk.write(ROOT, folder, new Map(), keeps)
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'latin1')]))
}

const nothing: Keeps = () => false
const everything: Keeps = () => true

test('a file that is removed and made again under its name is there once it and its folder were synced', () => {
  synced('a', 'first')
  disk.namesSynced(disk.changesIn(ROOT))
  disk.remove(`${ROOT}/a`)
  synced('a', 'second')
  disk.namesSynced(disk.changesIn(ROOT))
  for (const keeps of [nothing, everything]) expect(left(disk, keeps)).toEqual({ a: 'second' })
})

test('its name is safe with the file, and the removal before that is not carried out later', () => {
  synced('a', 'first')
  disk.namesSynced(disk.changesIn(ROOT))
  disk.remove(`${ROOT}/a`)
  synced('a', 'second')
  for (const keeps of [nothing, everything]) expect(left(disk, keeps)).toEqual({ a: 'second' })
})

test('a removal may be lost before the folder is synced, and a rename too', () => {
  synced('a', 'first')
  synced('b', 'second')
  disk.namesSynced(disk.changesIn(ROOT))
  disk.remove(`${ROOT}/a`)
  disk.rename(`${ROOT}/b`, `${ROOT}/c`)
  expect(left(disk, nothing)).toEqual({ a: 'first', b: 'second' })
  expect(left(disk, everything)).toEqual({ c: 'second' })
})

test('with a sync of the folder, its names are what the process sees', () => {
  const name = fc.constantFrom(...NAMES)
  const operation = fc.oneof(
    fc.record({ kind: fc.constantFrom('make', 'remove', 'sync file'), name }),
    fc.record({ kind: fc.constant('rename'), name, to: name }),
    fc.record({ kind: fc.constant('sync folder'), name }),
  )
  const carryOut = (disk: TracedDisk, { kind, name, to }: { kind: string; name: string; to?: string }): void => {
    const path = `${ROOT}/${name}`
    const file = disk.file(path)
    if (kind === 'make' && file === undefined) disk.make(path)
    if (kind === 'sync folder') disk.namesSynced(disk.changesIn(ROOT))
    if (file === undefined) return
    if (kind === 'remove') disk.remove(path)
    if (kind === 'sync file') disk.fileSynced(file)
    if (kind === 'rename' && to !== undefined && to !== name) disk.rename(path, `${ROOT}/${to}`)
  }
  fc.assert(
    fc.property(fc.array(operation, { minLength: 10, maxLength: 40 }), fc.boolean(), (operations, isKept) => {
      const disk = emptyDisk()
      for (const one of operations) carryOut(disk, one)
      disk.namesSynced(disk.changesIn(ROOT))
      const seen = NAMES.filter((name) => disk.file(`${ROOT}/${name}`) !== undefined)
      expect(Object.keys(left(disk, () => isKept)).sort()).toEqual(seen)
    }),
    { numRuns: 1000 },
  )
})
