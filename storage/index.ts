/**
 * The public door of `leveret/storage`: the storages there are, and what a storage of one's own is made of. `Storage` says
 * what it must do; `QueueLog` over a `SegmentPool` keeps the messages of a queue in memory and tells a `LogRecorder` what
 * has to survive; a `Journal` says when it does.
 */
export { type Journal, NO_JOURNAL } from './journal.ts'
export { LevelStorage } from './level/level-storage.ts'
export type { LevelStorageOptions } from './level/level-storage-options.ts'
export type { Durability } from './level/log/durability.ts'
export type { LogRecorder } from './log-recorder.ts'
export { MemoryStorage } from './memory/memory-storage.ts'
export { QueueLog } from './queue-log.ts'
export type { RecordSource } from './record.ts'
export { copyRecord, recordSource } from './record-bytes.ts'
export { deliveriesBefore, Segment, type SegmentNotes } from './segment.ts'
export { SegmentPool } from './segment-pool.ts'
export { NOTHING_RECOVERED, type Recovery, type Storage, type StoredEntity, type VhostStorage } from './storage.ts'
