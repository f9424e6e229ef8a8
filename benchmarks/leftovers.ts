import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

// What must not outlive this process, however it ends: the children it has started and the folders it has made.

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

const children = new Set<ChildProcess>()
const folders = new Set<string>()
let isWatching = false

/** Starts a program that is killed at the latest when this process ends. */
export function startChild(command: readonly string[], stdio: StdioOptions): ChildProcess {
  watch()
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/** A new folder below `parent`, removed with all that is in it when this process ends. */
export function temporaryFolder(parent: string): string {
  watch()
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(resolve(parent), 'leveret-bench-'))
  folders.add(folder)
  return folder
}

/** Calls the listener when a signal asks for the end; returns what takes that back. */
export function onInterruption(listener: () => void): () => void {
  for (const signal of SIGNALS) process.on(signal, listener)
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener)
  }
}

function watch(): void {
  if (isWatching) return
  isWatching = true
  process.on('exit', () => {
    for (const child of children) child.kill('SIGKILL')
    // A process that is being killed may still make a file.
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  })
}
