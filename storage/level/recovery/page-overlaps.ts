/** Pages that tell of the same records: they were written more than once, and the last time counts. */
import type { Page } from '../disk/places.ts'

/** A log that had to be read from its start tells of pages that have moved into the catalogue: they count once. */
export function withoutOverlaps(pages: Page[]): Page[] {
  let next = 0
  const isNew = (page: Page): boolean => {
    if (page.first < next) return false
    next = page.first + page.count
    return true
  }
  return pages.sort((a, b) => a.first - b.first || b.count - a.count).filter(isNew)
}

export function overlap(a: RecordRange, b: RecordRange): boolean {
  return a.first < b.first + b.count && b.first < a.first + a.count
}

type RecordRange = Pick<Page, 'first' | 'count'>

/** Whether this page was written at this place, or behind it. What moved into the catalogue was the last to be written. */
export function isNewer(page: Page, file: number, offset: number): boolean {
  return page.file === 0 || page.file > file || (page.file === file && page.offset >= offset)
}
