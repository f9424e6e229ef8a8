import type { Journal } from '../../storage/journal.ts'

/** Resolves when everything staged so far is durable. Throws Error when the storage has ended before. */
export function durable(journal: Journal): Promise<void> {
  return new Promise((resolve, reject) => {
    const lost = (): void => reject(new Error('the storage has ended: what was not durable by then may be lost'))
    journal.whenDurable(resolve, lost)
  })
}
