/** The commands that work on a store while no broker uses it. */
export const STORE_COMMANDS = ['check', 'backup', 'restore'] as const
export type StoreCommand = (typeof STORE_COMMANDS)[number]

/** All commands of `leveret`; without one of them, it serves. */
export const COMMANDS: readonly string[] = ['serve', 'ctl', 'perf', 'hash-password', 'completion', ...STORE_COMMANDS]
