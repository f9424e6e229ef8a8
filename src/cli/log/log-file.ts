/** The file that the log goes to beside standard output (`--log-file`), for programs that rotate logs. */
import { close, constants, open, openSync, write } from 'node:fs'
import { promisify } from 'node:util'
import { BoundedOutput } from './log-output.ts'
import { writeWhatFits } from './standard-output.ts'

/** What is no file, such as a pipe without a reader, is refused, and holds nothing up. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK
/** Its owner, and the group that reads logs. */
const MODE = 0o640

const openLater = promisify(open)

export class LogFile {
  readonly output: BoundedOutput
  readonly #path: string
  #fd: number
  /** What is being written to: it may be another file than the one that is open now. */
  #fdInUse: number | undefined

  /** Throws the system's error when there can be no such file. */
  constructor(path: string) {
    this.#path = path
    this.#fd = openSync(path, FLAGS, MODE)
    this.output = new BoundedOutput({
      write: (bytes, done) => this.#write(bytes, done),
      writeNow: (bytes) => void writeWhatFits(this.#fd, bytes),
    })
  }

  /** The file has been moved away: from now on lines go to a new one. If there can be none, they still go to the old one. */
  async reopen(): Promise<void> {
    const fd = await openLater(this.#path, FLAGS, MODE)
    const old = this.#fd
    this.#fd = fd
    if (this.#fdInUse !== old) closeQuietly(old)
  }

  #write(bytes: Uint8Array, done: (writtenBytes: number, error: Error | undefined) => void): void {
    const fd = this.#fd
    this.#fdInUse = fd
    write(fd, bytes, (error, writtenBytes) => {
      this.#fdInUse = undefined
      if (fd !== this.#fd) closeQuietly(fd)
      done(writtenBytes ?? 0, error ?? undefined)
    })
  }
}

/** A log file that gets the last lines when the process ends. Throws the system's error. */
export function openLogFile(path: string): LogFile {
  const file = new LogFile(path)
  process.once('exit', () => file.output.flushSync())
  return file
}

function closeQuietly(fd: number): void {
  close(fd, () => {})
}
