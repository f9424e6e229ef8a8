import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { testStorageContract } from '../contract.ts'
import { copyAsKilled } from './killed-copy.ts'

testStorageContract('leveldb', (folder) => new LevelStorage({ folder }), copyAsKilled)

// Everything is moved about as much as can be: log files change, segments leave memory, messages leave the log.
testStorageContract(
  'leveldb with little room',
  (folder) => new LevelStorage({ folder, logFileBytes: 128 * 1024, memoryBytes: 64 * 1024, durability: 'os' }),
  copyAsKilled,
)
