import { startWorker } from './worker.ts'
import type { ToWorker } from './worker-messages.ts'

// The program of a worker process. Ctrl-C reaches every process of the terminal: the run alone decides what it means.

process.on('SIGINT', () => undefined)
process.on('disconnect', () => process.exit(1))
startWorker({
  send: (message) => process.send?.(message),
  onMessage: (listener) => process.on('message', (message) => listener(message as ToWorker)), // the run sends nothing else
})
