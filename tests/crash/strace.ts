// Runs a program with a record of its system calls (Linux, strace).
import { spawnSync } from 'node:child_process'
import { platform } from 'node:os'

/** All that changes files, and all that reaches sockets. */
const CALLS = [
  ...['openat', 'close', 'accept4', 'dup', 'dup2', 'dup3'],
  ...['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2', 'sendmsg', 'sendto', 'sendfile', 'copy_file_range'],
  ...['fsync', 'fdatasync', 'sync_file_range', 'msync', 'ftruncate', 'truncate', 'fallocate'],
  ...['open', 'creat', 'mkdir', 'mkdirat', 'rmdir', 'link', 'linkat', 'symlink'],
  ...['rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'io_uring_setup'],
]
/** No call takes more at a time. */
const BYTES_MAX = 16 * 1024 * 1024

/** The command line that has another one traced into this file, every byte of it. */
export function traced(command: readonly string[], to: string): string[] {
  const options = ['-f', '--seccomp-bpf', '-v', '-xx', '-s', String(BYTES_MAX), '-e', `trace=${CALLS.join(',')}`]
  return ['strace', ...options, '-o', to, ...command]
}

/** Installs strace where it is missing. Throws Error where it cannot be installed or may not trace. */
export function requireStrace(): void {
  if (platform() !== 'linux') throw new Error('the trace of system calls needs Linux')
  if (!runs('strace', '-V')) install()
  const trial = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { encoding: 'utf8' })
  if (trial.status !== 0) throw new Error(`strace cannot trace here: ${trial.error?.message ?? trial.stderr}`)
}

function install(): void {
  if (!runs('apt-get', '--version')) throw new Error('strace is missing, and there is no apt-get to install it with')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [
    ['update', '-q'],
    ['install', '-y', '-q', '--no-install-recommends', 'strace'],
  ]) {
    // Other suites may want to install something at the same time.
    const { status, stderr, error } = spawnSync('flock', ['/tmp/leveret-apt.lock', 'apt-get', ...args], {
      env,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`strace is missing, and apt-get ${args[0]} failed: ${error?.message ?? stderr}`)
  }
}

function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}
