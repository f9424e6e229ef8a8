/** Definitions that the broker is to have at its start: files as RabbitMQ exports them, imported anew each time. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ApiError } from '../../http/api-error.ts'
import { Definitions } from '../../http/definitions/definitions.ts'
import { importDefinitions } from '../../http/definitions/import.ts'
import type { ManagedServer } from '../../http/managed-server.ts'
import type { Logger } from '../../lib/logger.ts'
import { DefinitionsError } from './definitions-error.ts'

const FILE_BYTES_MAX = 256 * 1024 * 1024

export class DefinitionFiles {
  readonly #files: readonly (readonly [path: string, definitions: Definitions])[]

  private constructor(files: readonly (readonly [path: string, definitions: Definitions])[]) {
    this.#files = files
  }

  /** Of a folder, all files whose names end in .json, in the order of these. Throws DefinitionsError. */
  static async read(path: string): Promise<DefinitionFiles> {
    const files: [string, Definitions][] = []
    for (const file of filesAt(path)) files.push([file, await read(file)])
    return new DefinitionFiles(files)
  }

  /** RabbitMQ: a store that is new has no default user then. */
  get haveUsers(): boolean {
    return this.#files.some(([, definitions]) => definitions.count('users') > 0)
  }

  /** Throws DefinitionsError, which tells of all that is refused in a file. */
  async importInto(server: ManagedServer, logger: Logger): Promise<void> {
    for (const [file, definitions] of this.#files) {
      try {
        await importDefinitions(server, definitions)
      } catch (error) {
        throw asDefinitionsError(`the definitions in ${file} are not all in effect`, error)
      }
      logger.info({ file }, 'the definitions are in effect')
    }
  }
}

function filesAt(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    const names = readdirSync(path).filter((name) => name.endsWith('.json'))
    return names.sort().map((name) => join(path, name))
  } catch (error) {
    throw new DefinitionsError(`the definitions cannot be read: ${error instanceof Error ? error.message : error}`)
  }
}

async function read(file: string): Promise<Definitions> {
  try {
    const { size } = statSync(file)
    if (size > FILE_BYTES_MAX) throw new ApiError(400, '', `it has more than ${FILE_BYTES_MAX} bytes`)
    return await Definitions.read(readFileSync(file))
  } catch (error) {
    if (!(error instanceof ApiError)) throw asDefinitionsError(`the definitions in ${file} cannot be read`, error)
    if (error.message === 'not_json') throw new DefinitionsError(`the definitions in ${file} are no JSON object`)
    throw asDefinitionsError(`the definitions in ${file} make no sense`, error)
  }
}

function asDefinitionsError(what: string, error: unknown): DefinitionsError {
  return new DefinitionsError(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
}
