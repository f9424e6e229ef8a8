export const ExitCode = {
  done: 0,
  /** Something went wrong. */
  failure: 1,
  /** Used wrongly: a flag, a variable or the config file. */
  usage: 2,
} as const
