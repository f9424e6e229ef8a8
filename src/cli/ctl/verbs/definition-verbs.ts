/** Definitions: all users, virtual hosts, queues, exchanges, bindings and policies, as one JSON file. */
import { readFile, writeFile } from 'node:fs/promises'
import { jsonText } from '../../../lib/exact-json.ts'
import { apiPath } from '../broker-client.ts'
import { CtlExit, CtlFailure } from '../ctl-failure.ts'
import type { Output, Verb, VerbCall } from '../verb.ts'
import { givenJson } from './given-json.ts'

/** The file has password hashes. */
const OWNER_ALONE = 0o600

function path(call: VerbCall): string {
  const vhost = call.optional('vhost')
  return vhost === undefined ? '/definitions' : apiPath`/definitions/${vhost}`
}

async function exportDefinitions(call: VerbCall): Promise<Output> {
  const file = call.text('file')
  const definitions = await call.broker.get(path(call))
  if (file === '-') {
    call.print(jsonText(definitions))
    return { kind: 'printed' }
  }
  await writeFile(file, `${jsonText(definitions, 2)}\n`, { mode: OWNER_ALONE }).catch((error: unknown) => {
    throw new CtlFailure(CtlExit.data, `${file} cannot be written: ${(error as Error).message}`)
  })
  return { kind: 'done', text: `Exporting definitions in JSON to a file at "${file}" ...` }
}

async function importDefinitions(call: VerbCall): Promise<Output> {
  const file = call.optional('file') ?? '-'
  const text = file === '-' ? await call.input() : await contentOf(file)
  await call.broker.post(path(call), givenJson(text))
  return { kind: 'done', text: `Importing definitions in JSON from ${file === '-' ? 'standard input' : file} ...` }
}

function contentOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new CtlFailure(CtlExit.data, `${file} cannot be read: ${(error as Error).message}`)
  })
}

const VHOST = {
  vhost: { alias: 'p', type: 'string', requiresArg: true, describe: 'of this virtual host alone (default: all)' },
} as const

export const DEFINITION_VERBS: readonly Verb[] = [
  {
    name: 'export_definitions',
    args: '<file>',
    describe: 'write the definitions to a file; - for standard output',
    options: VHOST,
    run: exportDefinitions,
  },
  {
    name: 'import_definitions',
    args: '[file]',
    describe: 'read definitions from a file; - or none for standard input',
    options: VHOST,
    run: importDefinitions,
  },
]
