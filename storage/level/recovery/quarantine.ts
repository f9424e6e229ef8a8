/** A folder with copies of what is taken out of a store. */
import { appendFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, SYSTEM_CLOCK } from '../../../src/lib/clock.ts'
import type { StoredEntity } from '../../storage.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { freePlace } from '../catalogue/catalogue-repair.ts'
import { makeFolder, makeFolderNow, syncFolder } from '../disk/files.ts'
import type { PlacedBytes } from '../disk/places.ts'
import type { LogFiles } from '../log/log-files.ts'
import type { StoredSegment } from '../log/stored-segment.ts'

const ENTITIES_FILE = 'entities.jsonl'

/**
 * Adds entities that the broker could not make again to a file in the quarantine. It is safe when this returns: they may
 * be removed, before a client makes others with their names.
 */
export function keepRefusedEntities(quarantine: string, entities: readonly StoredEntity[]): void {
  makeFolderNow(quarantine)
  const lines = entities.map((entity) => `${entityLine(entity)}\n`).join('')
  appendFileSync(join(quarantine, ENTITIES_FILE), lines, { flush: true })
}

function entityLine({ kind, key, value }: StoredEntity): string {
  return JSON.stringify({ kind, key, value: Buffer.from(value).toString('base64') })
}

export class Quarantine {
  readonly folder: string
  readonly #catalogue: Catalogue
  readonly #logs: LogFiles

  private constructor(folder: string, catalogue: Catalogue, logs: LogFiles) {
    this.folder = folder
    this.#catalogue = catalogue
    this.#logs = logs
  }

  /** Makes a new folder, named after the time, in the one for all of them. */
  static async create(
    quarantine: string,
    catalogue: Catalogue,
    logs: LogFiles,
    clock: Clock = SYSTEM_CLOCK,
  ): Promise<Quarantine> {
    const folder = await freePlace(quarantine, new Date(clock.wallMs()).toISOString().replaceAll(':', '-'))
    await makeFolder(folder)
    return new Quarantine(folder, catalogue, logs)
  }

  /** To be called at the end: what is taken out of the store may be removed then. */
  async sync(): Promise<void> {
    await syncFolder(this.folder)
    await syncFolder(join(this.folder, '..'))
  }

  async keepText(name: string, lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await this.#write(name, `${lines.join('\n')}\n`)
  }

  async keepEntities(entities: readonly StoredEntity[]): Promise<void> {
    await this.keepText(ENTITIES_FILE, entities.map(entityLine))
  }

  async keepRecords(records: readonly { readonly key: Buffer; readonly value: Buffer }[]): Promise<void> {
    const line = ({ key, value }: { readonly key: Buffer; readonly value: Buffer }): string =>
      JSON.stringify({ key: key.toString('hex'), value: value.toString('base64') })
    await this.keepText('records.jsonl', records.map(line))
  }

  /** The messages of a queue: a file for the pages of a segment, one after the other, and one for each large body. */
  async keepQueue(queue: number, segments: Iterable<StoredSegment>): Promise<void> {
    for (const { sequence, pages } of segments) {
      const name = `queue-${queue}-segment-${sequence}`
      const found: Buffer[] = []
      for (const page of pages) {
        const bytes = await this.#bytes(page.file, page)
        if (bytes !== undefined) found.push(bytes)
        for (const body of page.bodies) await this.keep(page.file, body, `${name}-body-${body.index}`)
      }
      await this.#write(name, Buffer.concat(found))
    }
  }

  /** As much as there is of a piece of the log, or of a catalogue entry. */
  async keep(file: number, place: Omit<PlacedBytes, 'crc'>, name: string): Promise<void> {
    const bytes = await this.#bytes(file, place)
    if (bytes !== undefined) await this.#write(name, bytes)
  }

  async #bytes(file: number, { offset, bytes }: Omit<PlacedBytes, 'crc'>): Promise<Buffer | undefined> {
    if (file === 0) return await this.#catalogue.page(offset)
    const log = this.#logs.get(file)
    if (log === undefined) return undefined
    const there = Math.min(bytes, (await log.file.size()) - offset)
    if (there <= 0) return undefined
    const buffer = Buffer.allocUnsafeSlow(there)
    await log.file.read(buffer, offset)
    return buffer
  }

  async #write(name: string, content: string | Uint8Array): Promise<void> {
    await writeFile(join(this.folder, name), content, { flush: true })
  }
}
