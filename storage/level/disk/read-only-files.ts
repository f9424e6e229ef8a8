import type { Files } from './files.ts'

/** The same files, for code that only looks at them. */
export function readOnly(files: Files): Files {
  const refuse = async (): Promise<never> => {
    throw new Error('a store that is looked at must not be changed')
  }
  return {
    folder: files.folder,
    names: () => files.names(),
    remove: refuse,
    syncFolder: refuse,
    freeBytes: () => files.freeBytes(),
    async open(name) {
      const file = await files.open(name)
      return {
        write: refuse,
        writeThrough: refuse,
        truncate: refuse,
        rename: refuse,
        // Recovery makes safe what it has read.
        sync: () => file.sync(),
        read: (buffer, offset) => file.read(buffer, offset),
        size: () => file.size(),
        isInPlace: () => file.isInPlace(),
        rest: () => file.rest(),
        close: () => file.close(),
      }
    },
  }
}
