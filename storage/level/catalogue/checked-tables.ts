/**
 * Remembers which tables of LevelDB need not be checked again. A table is never changed once it is written, and looking at
 * all of them at every start would take longer the more there are. So only those are checked that came
 * since the last note, which is made every minute and at the end: a crash may have kept LevelDB from writing them whole.
 *
 * Tables can be damaged later, too, and LevelDB may end the process over one. So when the last process was killed, some
 * more are checked, those first that were checked the longest ago; and all of them after two that did not live long.
 */
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../disk/files.ts'
import { isTableName } from './leveldb-names.ts'

/** In the folder of the database, which leaves alone what has other names than its own. */
export const NOTE_FILE = 'checked-tables'
const NOTE_MS = 60_000
/** A process that lived so long was not ended by what it met when it started. */
const LONG_LIFE_MS = 10 * 60_000
const SHORT_LIVES_MAX = 2
/** So much is checked again when the last process was killed. */
const AGAIN_BYTES = 128 * 1024 * 1024

export interface TableOnDisk {
  readonly name: string
  readonly bytes: number
  /** Another one of that name has another one. */
  readonly identity: string
}

interface Note {
  /** The process that wrote it has not come to its end. */
  isRunning: boolean
  /** Processes one after the other, up to that one, that were killed before they lived long. */
  shortLives: number
  /** Identities by name, first the one that was checked the longest ago. */
  tables: Record<string, string>
}

export class CheckedTables {
  readonly #folder: string
  readonly #note: Note
  /** There was a note when it was opened. */
  readonly #isNoted: boolean
  #timer: NodeJS.Timeout | undefined
  #startedAtMs = 0
  #writing: Promise<void> = Promise.resolve()

  private constructor(folder: string, note: Note | undefined) {
    this.#folder = folder
    this.#isNoted = note !== undefined
    this.#note = note ?? { isRunning: false, shortLives: 0, tables: {} }
  }

  static async read(folder: string): Promise<CheckedTables> {
    return new CheckedTables(folder, await readNote(folder))
  }

  /** The last process that had the database did not come to its end, or nothing tells: a write of its log may be torn. */
  get wasCutOff(): boolean {
    return this.#note.isRunning || !this.#isNoted
  }

  /** Those of the tables that have to be checked. */
  due(tables: readonly TableOnDisk[]): TableOnDisk[] {
    const { isRunning, shortLives } = this.#note
    if (isRunning && shortLives >= SHORT_LIVES_MAX) return [...tables]
    const due = tables.filter((table) => !this.#isKnown(table))
    let bytes = 0
    for (const table of isRunning ? this.#longestAgo(tables) : []) {
      if (bytes >= AGAIN_BYTES) break
      due.push(table)
      bytes += table.bytes
    }
    return due
  }

  /** These were checked, and are as they should be; the database is opened next. */
  async begin(tables: readonly TableOnDisk[], checked: readonly TableOnDisk[]): Promise<void> {
    const note = this.#note
    const isLast = new Set(checked)
    const known = this.#longestAgo(tables).filter((table) => !isLast.has(table))
    note.shortLives = note.isRunning && note.shortLives < SHORT_LIVES_MAX ? note.shortLives + 1 : 1
    note.isRunning = true
    note.tables = Object.fromEntries([...known, ...checked].map(({ name, identity }) => [name, identity]))
    // The next process reads in it whether this one came to its end. The folder is synced once the database is open.
    await this.#write(true)
    this.#startedAtMs = performance.now()
    this.#timer = setInterval(() => void this.#noteNew(), NOTE_MS)
    this.#timer.unref()
  }

  /** The database is closed. Nothing is noted when another one is in its place. */
  async end(isInPlace = true): Promise<void> {
    clearInterval(this.#timer)
    await this.#writing
    if (!isInPlace) return
    this.#note.isRunning = false
    this.#note.shortLives = 0
    await this.#noteNew()
  }

  async #noteNew(): Promise<void> {
    const note = this.#note
    const tables = await tablesOnDisk(this.#folder).catch(() => undefined)
    if (tables === undefined) return
    const known = this.#longestAgo(tables)
    const written = tables.filter((table) => !this.#isKnown(table))
    if (performance.now() - this.#startedAtMs > LONG_LIFE_MS) note.shortLives = 0
    note.tables = Object.fromEntries([...known, ...written].map(({ name, identity }) => [name, identity]))
    await this.#write()
  }

  #isKnown({ name, identity }: TableOnDisk): boolean {
    return this.#note.tables[name] === identity
  }

  #longestAgo(tables: readonly TableOnDisk[]): TableOnDisk[] {
    const order = new Map(Object.keys(this.#note.tables).map((name, at) => [name, at]))
    const placeOf = ({ name }: TableOnDisk): number => order.get(name) ?? 0
    return tables.filter((table) => this.#isKnown(table)).sort((a, b) => placeOf(a) - placeOf(b))
  }

  /** Without it, more is checked than need be. */
  #write(flush = false): Promise<void> {
    const path = join(this.#folder, NOTE_FILE)
    const text = JSON.stringify(this.#note)
    this.#writing = this.#writing
      .then(() => writeFile(`${path}.new`, text, { flush }))
      .then(() => rename(`${path}.new`, path))
      .catch(() => {})
    return this.#writing
  }
}

/** To be called when tables were changed by others than LevelDB. */
export async function forgetCheckedTables(folder: string): Promise<void> {
  await rm(join(folder, NOTE_FILE), { force: true })
}

/** All tables in a folder, by name; none when there is no such folder. */
export async function tablesOnDisk(folder: string): Promise<TableOnDisk[]> {
  const tables: TableOnDisk[] = []
  for (const name of ((await readdir(folder).catch(ifMissing)) ?? []).filter(isTableName).sort()) {
    const found = await stat(join(folder, name), { bigint: true }).catch(ifMissing)
    // LevelDB removes those that it needs no more.
    if (found === undefined) continue
    const { size, mtimeNs, ino } = found
    tables.push({ name, bytes: Number(size), identity: `${size} ${mtimeNs} ${ino}` })
  }
  return tables
}

async function readNote(folder: string): Promise<Note | undefined> {
  try {
    const found = JSON.parse(await readFile(join(folder, NOTE_FILE), 'utf8')) as Partial<Note> | null
    const { isRunning, shortLives, tables } = found ?? {}
    if (typeof isRunning !== 'boolean' || typeof shortLives !== 'number' || typeof tables !== 'object') return undefined
    return { isRunning, shortLives, tables: { ...tables } }
  } catch {
    return undefined
  }
}
