#!/usr/bin/env node
import { redacted } from '../lib/redacted.ts'
import type { CommandContext } from './command-context.ts'
import { runCommandLine } from './command-line.ts'
import { ExitCode } from './exit-code.ts'
import { lowerHelperThreads } from './serve/helper-threads.ts'

const context: CommandContext = {
  environment: process.env,
  signals: process,
  printLine: (text) => process.stdout.write(`${text}\n`),
  printError: (text) => process.stderr.write(`${redacted(text)}\n`),
  readInput: async () => (await import('node:stream/consumers')).text(process.stdin),
  openOutput: async () => (await import('./log/standard-output.ts')).standardOutput(),
  createServer: async (config, memoryBytes, logger) => {
    lowerHelperThreads()
    return (await import('./assembly/create-server.ts')).createServer(config, memoryBytes, logger)
  },
  forceExit: (code) => process.exit(code),
}

// A full disk or a reader that has gone ends no broker; what was to be said there is lost.
process.stderr.on('error', () => {})

/** What Node.js would print of a crash may have a secret in it. */
function crashed(error: unknown): never {
  context.printError(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exit(ExitCode.failure)
}

process.exit(await runCommandLine(process.argv.slice(2), context).catch(crashed))
