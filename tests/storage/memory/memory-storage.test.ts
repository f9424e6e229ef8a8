import { MemoryStorage } from '../../../storage/memory/memory-storage.ts'
import { testStorageContract } from '../contract.ts'

testStorageContract('memory', () => new MemoryStorage())
