#!/usr/bin/env node
import { runCommandLine } from './command-line.ts'
import type { ServeContext } from './serve.ts'

const context: ServeContext = {
  environment: process.env,
  signals: process,
  printLine: (text) => process.stdout.write(`${text}\n`),
  printError: (text) => process.stderr.write(`${text}\n`),
  openOutput: async () => (await import('./logging.ts')).standardOutput(),
  createServer: async (config, memoryBytes, logger) =>
    (await import('./create-server.ts')).createServer(config, memoryBytes, logger),
  forceExit: (code) => process.exit(code),
}

process.exit(await runCommandLine(process.argv.slice(2), context))
