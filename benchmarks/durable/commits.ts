import { join } from 'node:path'
import { Catalogue } from '../../storage/level/catalogue.ts'
import { CATALOGUE_FOLDER } from '../../storage/level/data-folder.ts'

/** How many commits a store has had, which no broker uses any more. */
export async function commitsIn(folder: string): Promise<number> {
  const catalogue = await Catalogue.open(join(folder, CATALOGUE_FOLDER))
  try {
    const meta = await catalogue.meta()
    if (meta === undefined || meta.commit === 0) throw new Error('the store does not say how many commits it has had')
    return meta.commit
  } finally {
    await catalogue.close()
  }
}
