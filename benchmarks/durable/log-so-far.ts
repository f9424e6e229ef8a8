import { join } from 'node:path'
import { Catalogue } from '../../storage/level/catalogue/catalogue.ts'
import { CATALOGUE_FOLDER } from '../../storage/level/disk/store-folders.ts'

/** What a store has in its log. */
export interface LogSoFar {
  readonly commits: number
  readonly bytes: number
}

/** Of a new store whose first log file is not full, and which no broker uses any more. */
export async function logSoFar(folder: string): Promise<LogSoFar> {
  const catalogue = await Catalogue.open(join(folder, CATALOGUE_FOLDER))
  try {
    const meta = await catalogue.meta()
    if (meta === undefined || meta.commit === 0) throw new Error('the store does not say how many commits it has had')
    if (meta.file !== 1) throw new Error(`the store is in log file ${meta.file} already`)
    return { commits: meta.commit, bytes: meta.offset }
  } finally {
    await catalogue.close()
  }
}
