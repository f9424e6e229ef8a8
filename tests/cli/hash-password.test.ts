import { describe, expect, test } from 'vitest'
import { hasDigest, hasScryptKey, isPasswordHash } from '../../src/auth/passwords/password-hash.ts'
import { runCommandLine } from '../../src/cli/command-line.ts'
import { TestContext } from './serve-context.ts'

async function run(input: string, ...args: string[]) {
  const context = new TestContext()
  context.input = input
  const exitCode = await runCommandLine(['hash-password', ...args], context)
  return { exitCode, printed: context.printed.join('\n'), errors: context.printedErrors.join('\n') }
}

describe('leveret hash-password', () => {
  test('prints a hash that RabbitMQ can read', async () => {
    const { exitCode, printed } = await run('', 'secret')
    expect(exitCode).toBe(0)
    expect(hasDigest({ algorithm: 'sha256', text: printed }, 'sha256', Buffer.from('secret'))).toBe(true)
  })

  test('takes the password from standard input, without the end of its line', async () => {
    for (const input of ['secret', 'secret\n', 'secret\r\n']) {
      const { printed } = await run(input, '--algorithm', 'sha512')
      expect(hasDigest({ algorithm: 'sha512', text: printed }, 'sha512', Buffer.from('secret'))).toBe(true)
    }
    const { printed } = await run(' 1 \n', '--algorithm', 'scrypt')
    expect(isPasswordHash({ algorithm: 'scrypt', text: printed })).toBe(true)
    expect(await hasScryptKey({ algorithm: 'scrypt', text: printed }, Buffer.from(' 1 '))).toBe(true)
  })

  test('takes digits as they are', async () => {
    const { printed } = await run('', '0123')
    expect(hasDigest({ algorithm: 'sha256', text: printed }, 'sha256', Buffer.from('0123'))).toBe(true)
  })

  test('refuses an empty password and an unknown algorithm', async () => {
    expect(await run('\n')).toMatchObject({ exitCode: 2, printed: '', errors: expect.stringContaining('is empty') })
    expect(await run('', 'secret', '--algorithm', 'md5')).toMatchObject({ exitCode: 2, printed: '' })
    expect((await run('', '--algorihtm', 'sha256')).errors).toContain('did you mean --algorithm?')
  })
})
