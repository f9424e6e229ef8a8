/** The version of this package. A test compares it with package.json, which cannot be read from both module forms. */
const VERSION = '0.1.0'

export function leveretVersion(): string {
  return VERSION
}
