// A disk as a traced process has left it, and what a power loss may leave of it: what was synced is there; of everything
// else any part may be, sector by sector and name by name. A file that was synced keeps the name it was made with, as
// Linux file systems have it; every other name, and every folder, needs a sync of the folder it is in. What happens to one
// name reaches the disk in its order: a file that is safe cannot be lost because its name was removed before it was made.
// LevelDB needs more: that all names change in their order, as they do where a file system has a journal. It gets that in
// its folder.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const SECTOR_BYTES = 512
const PAGE_BYTES = 4096

/** Bytes at a place, or a new length. */
type Change = { readonly offset: number; readonly bytes: Buffer } | { readonly length: number }
type NumberedChange = Change & { readonly number: number }

/** Says of a sector or a name that is not safe whether it is left. */
export type Keeps = () => boolean

/** What a file holds. It is changed in its place: a log is synced with every commit. */
class Content {
  /** Zeros behind the length. */
  #bytes: Buffer = Buffer.alloc(0)
  #length = 0

  apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if ('length' in change) this.#setLength(change.length)
      else {
        const { offset, bytes } = change
        if (offset + bytes.length > this.#length) this.#setLength(offset + bytes.length)
        bytes.copy(this.#bytes, offset)
      }
    }
  }

  #setLength(length: number): void {
    if (length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(length, 2 * this.#bytes.length))
      this.#bytes.copy(larger)
      this.#bytes = larger
    } else if (length < this.#length) this.#bytes.fill(0, length, this.#length)
    this.#length = length
  }

  /** A copy of it, with these changes. */
  with(changes: readonly Change[]): Buffer {
    const copy = new Content()
    copy.#bytes = Buffer.from(this.#bytes)
    copy.#length = this.#length
    copy.apply(changes)
    return copy.#bytes.subarray(0, copy.#length)
  }
}

export class TracedFile {
  readonly #safe = new Content()
  #unsafe: NumberedChange[] = []
  /** Length as the process sees it. */
  length = 0

  /** How many changes there were; a sync makes safe what there was when it began. */
  changes = 0

  change(change: Change): void {
    this.length = 'length' in change ? change.length : Math.max(this.length, change.offset + change.bytes.length)
    this.#unsafe.push({ ...change, number: ++this.changes })
  }

  /** A sync that began when there were so many changes is done. */
  synced(changes: number): void {
    const isDone = ({ number }: NumberedChange): boolean => number <= changes
    this.#safe.apply(this.#unsafe.filter(isDone))
    this.#unsafe = this.#unsafe.filter((change) => !isDone(change))
  }

  /** A write that is safe when it is done. It takes with it what was written before to the same pages. */
  wroteThrough(offset: number, bytes: Buffer): void {
    const start = Math.floor(offset / PAGE_BYTES) * PAGE_BYTES
    const end = Math.ceil((offset + bytes.length) / PAGE_BYTES) * PAGE_BYTES
    const inside: NumberedChange[] = []
    const outside: NumberedChange[] = []
    for (const change of this.#unsafe) {
      if ('length' in change) inside.push(change)
      else split(change, start, end, inside, outside)
    }
    this.#unsafe = outside
    this.#safe.apply([...inside, { offset, bytes }])
    this.length = Math.max(this.length, offset + bytes.length)
  }

  /** What may be left of it. Writes that are under way are like those that were not synced. */
  left(underWay: readonly Change[], keeps: Keeps): Buffer {
    const kept: Change[] = []
    for (const change of [...this.#unsafe, ...underWay]) {
      if ('length' in change) {
        if (keeps()) kept.push(change)
        continue
      }
      const { offset, bytes } = change
      for (let at = 0; at < bytes.length; ) {
        const next = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES))
        if (keeps()) kept.push({ offset: offset + at, bytes: bytes.subarray(at, next) })
        at = next
      }
    }
    return this.#safe.with(kept)
  }
}

function split(
  { offset, bytes, number }: { readonly offset: number; readonly bytes: Buffer; readonly number: number },
  start: number,
  end: number,
  inside: NumberedChange[],
  outside: NumberedChange[],
): void {
  const piece = (from: number, to: number, into: NumberedChange[]): void => {
    const [first, last] = [Math.max(from, offset), Math.min(to, offset + bytes.length)]
    if (first < last) into.push({ offset: first, bytes: bytes.subarray(first - offset, last - offset), number })
  }
  piece(offset, start, outside)
  piece(start, end, inside)
  piece(end, offset + bytes.length, outside)
}

type Entry = TracedFile | 'folder'

/** Names that change together: a rename takes one away and gives another. */
interface NameChange {
  readonly effects: readonly (readonly [path: string, entry: Entry | undefined])[]
  /** Set when a file was made by it. */
  readonly made: TracedFile | undefined
}

export class TracedDisk {
  /** Path of the folder whose names change in their order. */
  readonly #orderly: string
  /** What the process sees. */
  readonly names = new Map<string, Entry>()
  readonly #safe = new Map<string, Entry>()
  #unsafe: NameChange[] = []

  constructor(orderly: string) {
    this.#orderly = orderly
  }

  file(path: string): TracedFile | undefined {
    const entry = this.names.get(path)
    return entry === 'folder' ? undefined : entry
  }

  make(path: string): TracedFile {
    const made = new TracedFile()
    this.#rename({ effects: [[path, made]], made })
    return made
  }

  makeFolder(path: string): void {
    this.#rename({ effects: [[path, 'folder']], made: undefined })
  }

  remove(path: string): void {
    this.#rename({ effects: [[path, undefined]], made: undefined })
  }

  rename(from: string, to: string): void {
    const file = this.file(from)
    if (file === undefined) throw new Error(`${from} is renamed, and is no file`)
    const effects = [[from, undefined] as const, [to, file] as const]
    this.#rename({ effects, made: undefined })
  }

  #rename(change: NameChange): void {
    this.#unsafe.push(change)
    apply(this.names, change)
  }

  /** The changes of names in this folder there are so far, for `folderSynced`. */
  changesIn(folder: string): readonly NameChange[] {
    return this.#unsafe.filter(({ effects }) => effects.some(([path]) => dirname(path) === folder))
  }

  /** With them, what was done to the same names before. */
  namesSynced(changes: readonly NameChange[]): void {
    const synced = new Set(changes)
    const names = new Set<string>()
    for (const change of this.#unsafe.toReversed()) {
      if (!synced.has(change) && !change.effects.some(([path]) => names.has(path))) continue
      synced.add(change)
      for (const [path] of change.effects) names.add(path)
    }
    for (const change of this.#unsafe) if (synced.has(change)) apply(this.#safe, change)
    this.#unsafe = this.#unsafe.filter((change) => !synced.has(change))
  }

  /** The file was synced: it keeps the name it was made with. */
  fileSynced(file: TracedFile): void {
    const making = this.#unsafe.find(({ made }) => made === file)
    if (making === undefined) return
    const isOrderly = this.#isOrderly(making)
    const before = this.#unsafe
      .slice(0, this.#unsafe.indexOf(making))
      .filter((one) => isOrderly && this.#isOrderly(one))
    this.namesSynced([...before, making])
  }

  #isOrderly({ effects }: NameChange): boolean {
    return effects.every(([path]) => dirname(path) === this.#orderly)
  }

  /** Writes into a folder what may be left of everything below `root`. */
  write(root: string, to: string, underWay: ReadonlyMap<TracedFile, readonly Change[]>, keeps: Keeps): void {
    const names = new Map(this.#safe)
    let isCut = false
    for (const change of this.#unsafe) {
      const isKept = keeps() && !(isCut && this.#isOrderly(change))
      if (isKept) apply(names, change)
      else if (this.#isOrderly(change)) isCut = true
    }
    mkdirSync(to, { recursive: true })
    if (names.get(root) !== 'folder') return
    // A folder comes before what is in it.
    for (const [path, entry] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!path.startsWith(`${root}/`) || !isReachable(names, root, path)) continue
      const place = join(to, path.slice(root.length + 1))
      if (entry === 'folder') mkdirSync(place)
      else writeFileSync(place, entry.left(underWay.get(entry) ?? [], keeps))
    }
  }
}

function apply(names: Map<string, Entry>, { effects }: NameChange): void {
  for (const [path, entry] of effects) {
    if (entry === undefined) names.delete(path)
    else names.set(path, entry)
  }
}

function isReachable(names: ReadonlyMap<string, Entry>, root: string, path: string): boolean {
  for (let folder = dirname(path); folder !== root; folder = dirname(folder)) {
    if (names.get(folder) !== 'folder') return false
  }
  return true
}
