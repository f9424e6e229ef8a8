/** What a program may say about a storage on disk. */
import {
  aFunction,
  anObject,
  type Check,
  type Checks,
  checkOptions,
  notA,
  text,
  wholeNumber,
} from '../../src/lib/checks.ts'
import type { Files } from './disk/files.ts'
import { type Durability, requireDurability } from './log/durability.ts'

export interface LevelStorageOptions {
  /** Folder of the store, made if there is none. */
  readonly folder: string
  /** What has to be on the disk before a publish is confirmed. Default `sync`. */
  readonly durability?: Durability
  /** With durability `interval`: how often the log is synced, in milliseconds, 1–60000. Default 100. */
  readonly syncIntervalMs?: number
  /** Size of a log file in bytes. Default 64 MiB. */
  readonly logFileBytes?: number
  /** Bytes of messages to keep in memory; what is beyond and safe on disk is read back when it is due. Default 512 MiB. */
  readonly memoryBytes?: number
  /** Publishers wait while the disk has less left than this, so that the rest can go on. Default 64 MiB. */
  readonly freeBytesMin?: number
  /** Called when what is on disk cannot be trusted any more: nothing will be confirmed from then on. */
  readonly onFatal?: (error: Error) => void
  /** Told of messages that could not be read back and are left out. */
  readonly onDamage?: (text: string) => void
  /** Told what a callback of `journal.whenDurable` has thrown. */
  readonly onDefect?: (error: unknown) => void
  /** The files of the log. Default: the disk's. */
  readonly files?: Files
}

const aDurability: Check = (value, name) => {
  if (typeof value !== 'string') throw notA('one of sync, interval, os', value, name)
  requireDurability(value)
}

const MEBIBYTE = 1024 * 1024
const BYTES_MAX = Number.MAX_SAFE_INTEGER

const CHECKS: Checks<LevelStorageOptions> = {
  folder: text(1, 4096),
  durability: aDurability,
  syncIntervalMs: wholeNumber(1, 60_000),
  logFileBytes: wholeNumber(1, BYTES_MAX),
  memoryBytes: wholeNumber(0, BYTES_MAX),
  freeBytesMin: wholeNumber(0, BYTES_MAX),
  onFatal: aFunction,
  onDamage: aFunction,
  onDefect: aFunction,
  files: anObject,
}

/** What counts, whether the program said it or not. */
export interface StoreSettings extends Required<Omit<LevelStorageOptions, 'files'>> {
  readonly files: Files | undefined
}

/** Throws TypeError or RangeError: a mistake here would cost messages. */
export function storeSettings(options: LevelStorageOptions): StoreSettings {
  checkOptions('LevelStorage', options ?? {}, CHECKS)
  if (options?.folder === undefined) throw new TypeError('LevelStorage needs a folder')
  return {
    folder: options.folder,
    durability: options.durability ?? 'sync',
    syncIntervalMs: options.syncIntervalMs ?? 100,
    logFileBytes: options.logFileBytes ?? 64 * MEBIBYTE,
    memoryBytes: options.memoryBytes ?? 512 * MEBIBYTE,
    freeBytesMin: options.freeBytesMin ?? 64 * MEBIBYTE,
    onFatal: options.onFatal ?? (() => {}),
    onDamage: options.onDamage ?? (() => {}),
    onDefect: options.onDefect ?? (() => {}),
    files: options.files,
  }
}
