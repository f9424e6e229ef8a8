/** Standard output as a place for log lines, whatever it is: a file, a terminal, a pipe or a socket. */
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { BoundedOutput, type LogOutput, type LogSink } from './log-output.ts'

const STDOUT = 1

export function standardOutput(): LogOutput {
  const isTerminal = isatty(STDOUT)
  const output = new BoundedOutput(isStream() ? pipeSink() : isTerminal ? terminalSink() : fileSink(STDOUT), isTerminal)
  process.once('exit', () => output.flushSync())
  return output
}

function isStream(): boolean {
  const stats = fstatSync(STDOUT)
  return stats.isFIFO() || stats.isSocket()
}

/** libuv writes to pipes and sockets when they take something; the broker does not wait for a full one. */
function pipeSink(): LogSink {
  // The error of a write is told to its callback as well.
  process.stdout.on('error', () => {})
  return {
    write(bytes, done) {
      process.stdout.write(bytes, (error) => done(error ? 0 : bytes.length, error ?? undefined))
    },
    writeNow: (bytes) => void writeWhatFits(STDOUT, bytes),
  }
}

/** A thread of Node.js writes to the file; a full disk is an error at once. */
function fileSink(fd: number): LogSink {
  return {
    write(bytes, done) {
      write(fd, bytes, (error, writtenBytes) => done(writtenBytes ?? 0, error ?? undefined))
    },
    writeNow: (bytes) => void writeWhatFits(fd, bytes),
  }
}

/**
 * A terminal may be stopped (Ctrl-S), and would then stop its writer. Opened again for this process alone, it says instead
 * that it takes nothing now. Where it cannot be opened again, a thread does the waiting.
 */
function terminalSink(): LogSink {
  const fd = openTerminal()
  if (fd === undefined) return fileSink(STDOUT)
  return {
    write(bytes, done) {
      const { writtenBytes, error } = writeWhatFits(fd, bytes)
      done(writtenBytes, error)
    },
    writeNow: (bytes) => void writeWhatFits(fd, bytes),
  }
}

function openTerminal(): number | undefined {
  try {
    return openSync(`/proc/self/fd/${STDOUT}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return undefined
  }
}

/** Blocks on a pipe without room and on a stopped terminal, unless they were opened not to. */
export function writeWhatFits(fd: number, bytes: Uint8Array): { writtenBytes: number; error: Error | undefined } {
  let writtenBytes = 0
  try {
    while (writtenBytes < bytes.length) writtenBytes += writeSync(fd, bytes, writtenBytes)
    return { writtenBytes, error: undefined }
  } catch (error) {
    return { writtenBytes, error: error as Error } // fs throws nothing else
  }
}
