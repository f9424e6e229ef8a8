/**
 * Reads records straight from the tables of a LevelDB. LevelDB makes two objects of each record, which takes longer than all
 * else that is done with it at the start; here they are two views of the bytes that were read. The database must have all
 * that it has in tables: it was opened, and not written to since.
 */
import { join } from 'node:path'
import { tablesOnDisk } from './checked-tables.ts'
import { DamagedTableError, KeyCopy, TableCursor } from './table-cursor.ts'
import { knownTables } from './table-manifest.ts'

/** Both are valid until it returns, or until what it returns resolves. */
export type VisitRecord = (key: Buffer, record: Buffer) => void | Promise<void>

interface Table {
  readonly path: string
  readonly firstKey: Buffer
}

export class TableRecords {
  readonly #octet: number
  /** Tables that begin behind the record that is due, in the order in which they begin. */
  readonly #waiting: Table[]
  readonly #cursors: TableCursor[] = []
  /** Of the record that was visited last, and of the last one that is gone. */
  readonly #visited = new KeyCopy()
  readonly #gone = new KeyCopy()

  private constructor(tables: Table[], octet: number) {
    this.#waiting = tables
    this.#octet = octet
  }

  /** The records whose keys begin with this octet. Throws what keeps the list of the tables from being read. */
  static async find(folder: string, octet: number): Promise<TableRecords> {
    const names = new Map((await tablesOnDisk(folder)).map(({ name }) => [Number.parseInt(name, 10), name]))
    const tables: Table[] = []
    for (const [number, { firstKey, lastKey }] of await knownTables(folder)) {
      if ((firstKey[0] as number) > octet || (lastKey[0] as number) < octet) continue
      tables.push({ path: join(folder, names.get(number) ?? `${number}`), firstKey })
    }
    return new TableRecords(
      tables.sort((a, b) => a.firstKey.compare(b.firstKey)),
      octet,
    )
  }

  /** The key of the record that was visited last; undefined when there was none. */
  get lastKey(): Buffer | undefined {
    const { room, bytes } = this.#visited
    return bytes === 0 ? undefined : room.subarray(0, bytes)
  }

  /**
   * Visits them in their order. False when they cannot be read any further: one is not whole, or LevelDB has merged tables
   * meanwhile and removed them. Throws what `visit` throws, and what `isCorruption` tells when a table is damaged.
   */
  async each(isWhole: (key: Buffer, record: Buffer) => boolean, visit: VisitRecord): Promise<boolean> {
    let isVisiting = false
    try {
      for (;;) {
        while (this.#isTableDue()) await this.#openNext()
        const cursor = this.#least()
        if (cursor === undefined || cursor.firstOctet > this.#octet) return true
        const limit = this.#limitOf(cursor)
        do {
          if (!this.#isNew(cursor)) continue
          if (!isWhole(cursor.key, cursor.value)) return false
          isVisiting = true
          const visited = visit(cursor.key, cursor.value)
          if (visited !== undefined) await visited
          isVisiting = false
          this.#visited.take(cursor.key)
        } while ((cursor.next() || (await this.#nextBlock(cursor))) && isBefore(cursor, limit))
      }
    } catch (error) {
      if (isVisiting || error instanceof DamagedTableError) throw error
      return false
    } finally {
      for (const cursor of this.#cursors) await cursor.close()
    }
  }

  /** Whether there is a record which was not visited yet. Of those with the same key the first is the newest. */
  #isNew(cursor: TableCursor): boolean {
    if (cursor.firstOctet !== this.#octet || cursor.isAt(this.#visited) || cursor.isAt(this.#gone)) return false
    if (cursor.isGone) this.#gone.take(cursor.key)
    return !cursor.isGone
  }

  /** Whether the next table begins in front of all that is at hand. */
  #isTableDue(): boolean {
    const [next] = this.#waiting
    if (next === undefined) return false
    const least = this.#least()
    return least === undefined || least.key.compare(next.firstKey) >= 0
  }

  async #openNext(): Promise<void> {
    const table = this.#waiting.shift()
    if (table === undefined) return
    const cursor = await TableCursor.open(table.path, this.#octet)
    this.#cursors.push(cursor)
    await this.#nextBlock(cursor)
  }

  /** The cursor comes first up to this key, which another one is at, or a table begins with. */
  #limitOf(cursor: TableCursor): Buffer | undefined {
    let limit = this.#waiting[0]?.firstKey
    for (const other of this.#cursors) {
      if (other !== cursor && (limit === undefined || other.key.compare(limit) < 0)) limit = other.key
    }
    return limit
  }

  /** False at the end of what is looked for. */
  async #nextBlock(cursor: TableCursor): Promise<boolean> {
    if ((await cursor.nextBlock()) && cursor.firstOctet <= this.#octet) return true
    this.#cursors.splice(this.#cursors.indexOf(cursor), 1)
    await cursor.close()
    return false
  }

  #least(): TableCursor | undefined {
    let least = this.#cursors[0]
    for (let at = 1; at < this.#cursors.length; at++) {
      const cursor = this.#cursors[at] as TableCursor
      if (least !== undefined && cursor.compare(least) < 0) least = cursor
    }
    return least
  }
}

function isBefore({ key }: TableCursor, limit: Buffer | undefined): boolean {
  return limit === undefined || key.compare(limit) < 0
}
