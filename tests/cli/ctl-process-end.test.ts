import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { hasEnded } from '../../src/cli/ctl/process-end.ts'

test('a process has ended once its parent has looked', async () => {
  expect(hasEnded(process.pid)).toBe(false)
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
  await once(child, 'spawn')
  const pid = child.pid as number
  expect(hasEnded(pid)).toBe(false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(hasEnded(pid)).toBe(true)
})

test.runIf(process.platform === 'linux')('a process has ended even if its parent never looks', async () => {
  // The shell becomes a program that knows nothing of the child, which ends after that.
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const [pid] = await once(parent.stdout, 'data')
  await expect.poll(() => hasEnded(Number(pid)), { timeout: 10_000 }).toBe(true)
  expect(() => process.kill(Number(pid), 0)).not.toThrow()
})
