export const ExitCode = {
  done: 0,
  /** Something went wrong. */
  failure: 1,
  /** Used wrongly: a flag, a variable or the config file. */
  usage: 2,
  /** The store cannot be trusted any more: a sync failed, or what was kept could not be read back. */
  storage: 3,
} as const
