/** What the types of yargs do not tell, and another version need not have. */
interface Internals {
  getInternalMethods?(): { getUsageInstance?(): { cacheHelpMessage?: unknown } }
}

/**
 * yargs makes the help of every command that it runs, in case that it fails. Here a failure is told in one line, and the help that nobody
 * reads would take most of the time of a command. Where yargs has no such switch, commands are slower, and nothing else is different.
 */
export function makeNoHelpAhead<T extends object>(cli: T & Internals): T {
  const usage = cli.getInternalMethods?.()?.getUsageInstance?.()
  if (typeof usage?.cacheHelpMessage === 'function') usage.cacheHelpMessage = () => {}
  return cli
}
