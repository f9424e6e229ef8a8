import { vi } from 'vitest'
import { Catalogue } from '../../../storage/level/catalogue/catalogue.ts'

/** Something that others wait for. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

export interface CatalogueBatch {
  readonly isSynced: boolean
  /** Says how far the log is in the catalogue. */
  readonly isCheckpoint: boolean
}

/** What is written to catalogues from now on, until mocks are restored. `before` may wait, or throw instead. */
export function watchCatalogue(before: () => void | Promise<void> = () => {}): CatalogueBatch[] {
  const batches: CatalogueBatch[] = []
  const write = Catalogue.prototype.write
  vi.spyOn(Catalogue.prototype, 'write').mockImplementation(async function (this: Catalogue, operations, isSynced) {
    await before()
    await write.call(this, operations, isSynced)
    batches.push({ isSynced, isCheckpoint: operations.some(({ key }) => key.equals(Buffer.from('m'))) })
  })
  return batches
}
