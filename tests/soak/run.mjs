// `npm run soak`: reads the options, then has vitest run the soak. The exit code is 0 when all was well, 1 when not, 2 for
// wrong use.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const HELP = `npm run soak -- [options]

The broker under durable load, ended in order or killed every minute or two and started again: it must keep what it
promised, and its memory, disk and open files must stay flat.

  --minutes N   how long, from 2 to 600 (30)
  --csv FILE    writes a line of numbers every 5 seconds
  --seed N      repeats the decisions of a run
  --help        prints this help
`

function options() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      csv: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const minutes = Number(values.minutes)
  if (!(minutes >= 2 && minutes <= 600)) throw new Error(`--minutes is '${values.minutes}': must be from 2 to 600`)
  if (values.seed !== undefined && !/^\d{1,9}$/.test(values.seed)) {
    throw new Error(`--seed is '${values.seed}': must be a whole number of at most 9 digits`)
  }
  return values
}

function environment({ minutes, csv, seed }, folder) {
  const env = { ...process.env, LEVERET_SOAK_FOLDER: folder, LEVERET_SOAK_MINUTES: minutes }
  if (csv !== undefined) env.LEVERET_SOAK_CSV = resolve(process.env.INIT_CWD ?? '.', csv)
  if (seed !== undefined) env.LEVERET_SOAK_SEED = seed
  return env
}

function main() {
  let values
  try {
    values = options()
  } catch (error) {
    process.stderr.write(`soak: ${error.message}\n`)
    process.exit(2)
  }
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  // Removed here, so that it goes after Ctrl-C, too.
  const folder = mkdtempSync(join(tmpdir(), 'leveret-soak-'))
  const root = join(import.meta.dirname, '../..')
  const args = ['run', 'tests/soak/soak.test.ts', '--config', 'vitest.slow.config.ts', '--disable-console-intercept']
  const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
    cwd: root,
    env: environment(values, folder),
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.once('exit', (code) => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    process.exit(code ?? 1)
  })
}

main()
