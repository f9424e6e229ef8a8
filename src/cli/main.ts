#!/usr/bin/env node
import { runCommandLine } from './command-line.ts'
import { lowerHelperThreads } from './helper-threads.ts'
import type { ServeContext } from './serve.ts'

const context: ServeContext = {
  environment: process.env,
  signals: process,
  printLine: (text) => process.stdout.write(`${text}\n`),
  printError: (text) => process.stderr.write(`${text}\n`),
  readInput: async () => (await import('node:stream/consumers')).text(process.stdin),
  openOutput: async () => (await import('./standard-output.ts')).standardOutput(),
  createServer: async (config, memoryBytes, logger) => {
    lowerHelperThreads()
    return (await import('./create-server.ts')).createServer(config, memoryBytes, logger)
  },
  forceExit: (code) => process.exit(code),
}

// A full disk or a reader that has gone ends no broker; what was to be said there is lost.
process.stderr.on('error', () => {})

process.exit(await runCommandLine(process.argv.slice(2), context))
