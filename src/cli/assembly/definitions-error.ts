/** What keeps the broker from having its definitions, in plain words. */
export class DefinitionsError extends Error {
  override readonly name = 'DefinitionsError'
}
