/** `leveret hash-password`: what RabbitMQ's `rabbitmqctl hash_password` prints, for definitions and tools that take hashes. */
import type { CommandModule } from 'yargs'
import type { NewHashing } from '../auth/passwords/password-hash.ts'
import type { CommandContext } from './command-context.ts'
import { ExitCode } from './exit-code.ts'

interface HashPasswordOptions {
  readonly password: string | undefined
  readonly algorithm: NewHashing
}

type Context = Pick<CommandContext, 'printLine' | 'printError' | 'readInput'>

/** `onExit` is told the exit code. */
export function hashPasswordCommand(
  context: Context,
  onExit: (code: number) => void,
): CommandModule<object, HashPasswordOptions> {
  return {
    command: 'hash-password [password]',
    describe: 'print the hash of a password; without one, of the line on standard input',
    builder: (yargs) =>
      yargs
        .positional('password', { type: 'string', describe: 'other users of the machine may see it' })
        .option('algorithm', {
          choices: ['sha256', 'sha512', 'scrypt'] as const,
          default: 'sha256' as const,
          describe: 'RabbitMQ reads sha256 and sha512',
        }),
    handler: async ({ password, algorithm }) => {
      onExit(await printHash({ password, algorithm }, context))
    },
  }
}

/** Resolves to the exit code. */
async function printHash({ password, algorithm }: HashPasswordOptions, context: Context): Promise<number> {
  const given = password ?? (await context.readInput()).replace(/\r?\n$/, '')
  if (given === '') {
    context.printError('leveret: the password is empty: no client can log in with an empty one')
    return ExitCode.usage
  }
  const { hashPassword } = await import('../auth/passwords/password-hash.ts')
  context.printLine((await hashPassword(given, algorithm)).text)
  return ExitCode.done
}
