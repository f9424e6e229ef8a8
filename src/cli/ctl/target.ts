/** Finds the broker that a command is for: an address that was given, or the control socket where its options say. */
import { lstatSync, readFileSync } from 'node:fs'
import { AUTOMATIC } from '../../../config/listener-options.ts'
import type { Config } from '../../../config/options.ts'
import { socketPath } from '../../lib/socket-path.ts'
import { givenFlags } from '../option-flags.ts'
import { readConfig } from '../read-config.ts'
import type { Target } from './broker-client.ts'
import { controlSocketPath, memorySocketPath } from './control-place.ts'
import { CtlExit, CtlFailure } from './ctl-failure.ts'

type Given = Readonly<Record<string, unknown>>
type Environment = Readonly<Record<string, string | undefined>>

/** Throws CtlFailure. */
export function findTarget(given: Given, environment: Environment): Target {
  const url = given.url ?? environment.LEVERET_CTL_URL
  return url === undefined ? configTarget(given, environment) : urlTarget(String(url), given, environment)
}

function urlTarget(text: string, given: Given, environment: Environment): Target {
  // The text may have a password in it: it is not shown.
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new CtlFailure(CtlExit.usage, '--url is an address such as http://user@host:15672')
  const file = given['password-file']
  const password =
    file === undefined
      ? (environment.LEVERET_CTL_PASSWORD ?? decoded(url.password))
      : contentOf(String(file)).replace(/\r?\n$/, '')
  const name = decoded(url.username)
  if (name === '' || password === '') {
    const ways = 'in --url, by --password-file or by LEVERET_CTL_PASSWORD'
    throw new CtlFailure(CtlExit.usage, `the user is given in --url, and the password ${ways}`)
  }
  url.username = url.password = ''
  const ca = given['ca-file'] === undefined ? undefined : contentOf(String(given['ca-file']))
  return { kind: 'url', url, login: { name, password }, ca }
}

/** A name or password in an address. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new CtlFailure(CtlExit.usage, 'the user and the password in --url are not encoded: % is written as %25')
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CtlFailure(CtlExit.usage, `${file} cannot be read: ${(error as Error).message}`)
  }
}

function configTarget(given: Given, environment: Environment): Target {
  const resolution = readConfig(givenFlags(given), environment)
  if (!resolution.isValid) throw new CtlFailure(CtlExit.usage, resolution.errors.join('\n'))
  return socketTarget(resolution.config, environment, given['data-dir'] !== undefined)
}

/**
 * The control socket of these options. Without a folder that was chosen, a broker may be meant that keeps nothing on a disk. Throws
 * CtlFailure.
 */
export function socketTarget(config: Config, environment: Environment, isChosen: boolean): Target {
  try {
    const usual = controlSocketPath(config, config.port, environment)
    if (usual === undefined) throw new Error('the broker has no control socket: --ctl-socket is none; use --url')
    const isSure = isChosen || config.ctlSocket !== AUTOMATIC || isThere(usual)
    const other = isSure ? undefined : memorySocketPath(config.port, environment)
    const path = other !== undefined && isThere(other) ? other : usual
    requireOwn(path)
    return { kind: 'socket', path, socketPath: socketPath(path).path }
  } catch (error) {
    throw error instanceof CtlFailure ? error : new CtlFailure(CtlExit.unavailable, (error as Error).message)
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** What another user has put there would be told passwords. The administrator of the system may speak to every broker. */
function requireOwn(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  const uid = process.getuid?.()
  if (found === undefined || uid === undefined || uid === 0 || found.uid === uid) return
  throw new CtlFailure(CtlExit.noPermission, `the control socket ${path} belongs to another user`)
}
