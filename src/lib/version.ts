import { readFileSync } from 'node:fs'

/** The version of this package; package.json is its only place. */
export function leveretVersion(): string {
  // Two levels up from the sources, three from the built files.
  for (const candidate of ['../../package.json', '../../../package.json']) {
    const version = packageVersion(new URL(candidate, import.meta.url))
    if (version !== undefined) return version
  }
  throw new Error('package.json is missing from the installation')
}

function packageVersion(url: URL): string | undefined {
  try {
    const { version }: { version?: unknown } = JSON.parse(readFileSync(url, 'utf8'))
    return typeof version === 'string' ? version : undefined
  } catch {
    return undefined
  }
}
