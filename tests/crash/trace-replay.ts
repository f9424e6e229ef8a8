// Carries out a trace, call by call: files on a TracedDisk, and what was sent on the sockets.
import { dirname, join } from 'node:path'
import { FrameReader } from '../support/wire-frames.ts'
import { decodeMethod, type MethodArguments, type MethodName } from '../support/wire-methods.ts'
import { type CallEvent, firstNumber, lastNumber, type SystemCall } from './system-calls.ts'
import { type Keeps, TracedDisk, type TracedFile } from './traced-disk.ts'

const METHOD_FRAME = 1

/** A method that the process sent, or was about to. */
export interface SentMethod {
  readonly connection: number
  readonly channel: number
  readonly name: MethodName
  readonly args: MethodArguments
  /** Number of the event with which the system was asked to send it. */
  readonly at: number
}

type Descriptor =
  | {
      readonly kind: 'file'
      readonly file: TracedFile
      readonly isSynced: boolean
      readonly appends: boolean
      at: number
    }
  | { readonly kind: 'folder'; readonly path: string }
  /** The next write repeats so many bytes, which the last one was given and did not take. */
  | { readonly kind: 'socket'; readonly connection: number; readonly frames: FrameReader; repeated: number }

interface Write {
  readonly file: TracedFile
  readonly isSynced: boolean
  readonly offset: number
  readonly bytes: Buffer
}

/** Calls with which a process could change files without this replay seeing it. */
const UNKNOWN =
  /^(?:io_uring_setup|copy_file_range|sendfile|fallocate|truncate|link|linkat|symlink|dup|dup2|dup3|open|creat)$/

export class TraceReplay {
  readonly disk: TracedDisk
  readonly sent: SentMethod[] = []
  /** Number of the last event. */
  now = 0
  /** Event with which the last sync began that is done and was one of the file that commits go to. */
  safeUntil = 0
  /** Whether the last event changed the disk or was a send. */
  isOfInterest = false
  readonly #root: string
  readonly #descriptors = new Map<number, Descriptor>()
  readonly #writes = new Map<number, Write>()
  /** What each sync under way will have made safe. */
  readonly #syncs = new Map<number, () => void>()
  #connections = 0
  #commitFile: TracedFile | undefined

  /** Only what is below the root, and the root itself, is looked at. */
  constructor(root: string) {
    this.#root = root
    this.disk = new TracedDisk(join(root, 'catalogue'))
  }

  carryOut({ phase, call, id }: CallEvent): void {
    this.now++
    this.isOfInterest = false
    if (phase === 'begin') this.#begin(call, id)
    else this.#end(call, id)
  }

  /** Writes into a folder what may be left after the last event. */
  write(to: string, keeps: Keeps): void {
    const underWay = new Map<TracedFile, Write[]>()
    for (const write of this.#writes.values()) underWay.set(write.file, [...(underWay.get(write.file) ?? []), write])
    this.disk.write(this.#root, to, underWay, keeps)
  }

  #begin(call: SystemCall, id: number): void {
    switch (call.name) {
      case 'write':
      case 'writev':
      case 'pwrite64':
      case 'pwritev':
      case 'sendmsg':
      case 'sendto':
        this.#beginWrite(call, id)
        break
      case 'fsync':
      case 'fdatasync':
        this.#beginSync(call, id)
        break
      case 'close':
        this.#descriptors.delete(firstNumber(call))
    }
  }

  #beginWrite(call: SystemCall, id: number): void {
    const descriptor = this.#descriptors.get(firstNumber(call))
    if (descriptor === undefined) return
    const bytes = Buffer.concat(call.strings)
    this.isOfInterest = true
    if (descriptor.kind === 'socket') {
      for (const { type, channel, payload } of descriptor.frames.push(bytes.subarray(descriptor.repeated))) {
        if (type !== METHOD_FRAME) continue
        this.sent.push({ connection: descriptor.connection, channel, at: this.now, ...decodeMethod(payload) })
      }
    } else if (descriptor.kind === 'file') {
      const { file, isSynced, appends, at } = descriptor
      const isPlaced = call.name.startsWith('p')
      const offset = isPlaced ? lastNumber(call) : appends ? file.length : at
      this.#writes.set(id, { file, isSynced, offset, bytes })
    }
  }

  #beginSync(call: SystemCall, id: number): void {
    const descriptor = this.#descriptors.get(firstNumber(call))
    if (descriptor?.kind === 'folder') {
      const changes = this.disk.changesIn(descriptor.path)
      this.#syncs.set(id, () => this.disk.namesSynced(changes))
    } else if (descriptor?.kind === 'file') {
      const { file } = descriptor
      const { changes } = file
      const begun = this.now
      this.#syncs.set(id, () => {
        file.synced(changes)
        this.disk.fileSynced(file)
        if (file === this.#commitFile) this.safeUntil = Math.max(this.safeUntil, begun)
      })
    }
  }

  #end(call: SystemCall, id: number): void {
    const { name, result = -1 } = call
    if (UNKNOWN.test(name) && result >= 0 && this.#isOurs(call)) throw new Error(`the replay does not know ${name}`)
    this.#endSend(call)
    const write = this.#writes.get(id)
    if (write !== undefined) {
      this.#writes.delete(id)
      if (result >= 0) this.#endWrite(firstNumber(call), write, result)
    }
    const sync = this.#syncs.get(id)
    this.#syncs.delete(id)
    if (result < 0) return
    if (sync !== undefined) {
      this.isOfInterest = true
      sync()
    } else this.#changeNames(call, result)
  }

  #endSend(call: SystemCall): void {
    if (!/^(?:write|send)/.test(call.name)) return
    const descriptor = this.#descriptors.get(firstNumber(call))
    if (descriptor?.kind !== 'socket') return
    const bytes = call.strings.reduce((sum, { length }) => sum + length, 0)
    descriptor.repeated = bytes - Math.max(0, call.result ?? -1)
  }

  #endWrite(fd: number, { file, isSynced, offset, bytes }: Write, written: number): void {
    this.isOfInterest = true
    const descriptor = this.#descriptors.get(fd)
    if (descriptor?.kind === 'file') descriptor.at = offset + written
    const done = bytes.subarray(0, written)
    if (isSynced) {
      file.wroteThrough(offset, done)
      this.disk.fileSynced(file)
    } else file.change({ offset, bytes: done })
    // A new file begins with its header; commits come behind it.
    if (offset > 0 && this.#isLog(file)) this.#commitFile = file
  }

  #isLog(file: TracedFile): boolean {
    for (const [path, entry] of this.disk.names) if (entry === file) return path.startsWith(`${this.#root}/log/`)
    return false
  }

  #changeNames(call: SystemCall, result: number): void {
    if (call.name === 'accept4') {
      this.#descriptors.set(result, {
        kind: 'socket',
        connection: ++this.#connections,
        frames: new FrameReader(),
        repeated: 0,
      })
      return
    }
    if (call.name === 'ftruncate') {
      const descriptor = this.#descriptors.get(firstNumber(call))
      if (descriptor?.kind === 'file') descriptor.file.change({ length: lastNumber(call) })
      return
    }
    if (!this.#isOurs(call)) return
    const [path = '', to = ''] = call.strings.map(String)
    this.isOfInterest = true
    switch (call.name) {
      case 'openat':
        this.#open(path, call.texts.at(-1) ?? '', result)
        break
      case 'mkdir':
      case 'mkdirat':
        this.disk.makeFolder(path)
        break
      case 'unlink':
      case 'unlinkat':
      case 'rmdir':
        this.disk.remove(path)
        break
      case 'rename':
      case 'renameat':
      case 'renameat2':
        this.disk.rename(path, to)
        break
      default:
        throw new Error(`the replay does not know ${call.name}`)
    }
  }

  #isOurs({ name, strings }: SystemCall): boolean {
    if (/^(?:write|pwrite|send)/.test(name)) return false
    const path = String(strings[0] ?? '')
    return path === this.#root || path === dirname(this.#root) || path.startsWith(`${this.#root}/`)
  }

  #open(path: string, text: string, fd: number): void {
    const flags = text.split(/\W+/)
    const isFolder = path === dirname(this.#root) || path === this.#root || this.disk.names.get(path) === 'folder'
    if (isFolder) {
      this.#descriptors.set(fd, { kind: 'folder', path })
      return
    }
    const existing = this.disk.file(path)
    if (existing !== undefined && flags.includes('O_TRUNC')) existing.change({ length: 0 })
    const file = existing ?? this.disk.make(path)
    const isSynced = flags.includes('O_DSYNC') || flags.includes('O_SYNC')
    this.#descriptors.set(fd, { kind: 'file', file, isSynced, appends: flags.includes('O_APPEND'), at: 0 })
  }
}
