/**
 * A project that uses the packed package: what `npm install leveret` brings, beside the test runners and compilers that
 * people have. What it installs from the registry stays in tests/package/.cache, so that a second run is quick.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')
const CACHE = join(import.meta.dirname, '.cache')
/** A download that hangs is tried again long before the tests give up: npm itself waits five minutes. What is at hand is not asked for. */
const NPM_OPTIONS = ['--no-audit', '--no-fund', '--loglevel=error', '--fetch-timeout=45000', '--prefer-offline']

const PACKAGE = JSON.stringify(
  {
    name: 'consumer',
    version: '1.0.0',
    private: true,
    devDependencies: {
      '@types/amqplib': '^0.10.8',
      '@types/jest': '^30.0.0',
      '@types/node': '^20.19.0',
      amqplib: '^2.3.1',
      jest: '^30.5.0',
      mocha: '^11.7.0',
      'ts-jest': '^29.4.0',
      typescript: '~5.9.0',
      'typescript-5.0': 'npm:typescript@~5.0.4',
      vitest: '^4.1.0',
    },
  },
  undefined,
  2,
)

export interface Outcome {
  readonly code: number
  /** Standard output and standard error. */
  readonly output: string
}

/** Runs a program to its end, which may be a failure. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const options = { cwd, env: { ...cleanEnvironment(), ...environment }, maxBuffer: 64 * 1024 * 1024 }
  return new Promise((done) => {
    const child = execFile(command, args, options, (_error, stdout, stderr) =>
      done({ code: child.exitCode ?? 1, output: `${stdout}${stderr}` }),
    )
  })
}

/** The same, but a failure is thrown. */
async function runWell(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, output } = await run(command, args, cwd)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`)
  return output
}

/** A folder with the runners, the compilers and the package, installed in one go. It is kept as long as all of that is the same. */
export async function installConsumer(): Promise<string> {
  const folder = join(CACHE, `consumer-${digestOf(PACKAGE)}`)
  const installed = join(folder, 'installed')
  await withPackage(async (file) => {
    const digest = digestOf(await readFile(file))
    if (existsSync(installed) && (await readFile(installed, 'utf8')) === digest) return
    if (!existsSync(folder)) await rm(CACHE, { recursive: true, force: true })
    await rm(installed, { force: true })
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'package.json'), PACKAGE)
    await runWell('npm', ['install', '--no-save', ...NPM_OPTIONS, file], folder)
    await writeFile(installed, digest)
  })
  return folder
}

/** Installs the package alone. */
export async function installPackage(folder: string, ...options: string[]): Promise<void> {
  await withPackage((file) => runWell('npm', ['install', '--no-save', ...options, ...NPM_OPTIONS, file], folder))
}

/** The package as it would be published, from what `npm run build` made. */
async function withPackage(use: (file: string) => Promise<unknown>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'leveret-pack-'))
  try {
    await runWell('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], ROOT)
    const [name] = await readdir(folder)
    await use(join(folder, String(name)))
  } finally {
    await rm(folder, { recursive: true })
  }
}

function digestOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 12)
}

/** Writes files into a folder of the project that is emptied before, and has a package.json of its own. */
export async function writeProject(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  await rm(folder, { recursive: true, force: true })
  for (const [name, text] of Object.entries({ 'package.json': '{}', ...files })) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  return folder
}

/** Runners look for each other's variables: one that runs inside vitest should not know of it. */
function cleanEnvironment(): Record<string, string | undefined> {
  const isForeign = (name: string): boolean => /^(VITEST|NODE_OPTIONS|NODE_ENV|NODE_TEST|TEST|JEST|npm_)/.test(name)
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)))
}
