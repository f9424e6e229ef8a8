/** Why a command of `leveret ctl` fails. The exit codes are those of rabbitmqctl, which are those of sysexits.h. */
export const CtlExit = {
  done: 0,
  /** Used wrongly. */
  usage: 64,
  /** What was given makes no sense to the broker, or names what there is not. */
  data: 65,
  noUser: 67,
  /** The broker does not answer, or a check has failed. */
  unavailable: 69,
  software: 70,
  /** Too late: it may work the next time. */
  timeout: 75,
  /** The broker does not let the user in. */
  noPermission: 77,
} as const

export type CtlExitCode = (typeof CtlExit)[keyof typeof CtlExit]

export class CtlFailure extends Error {
  override readonly name = 'CtlFailure'
  readonly exitCode: CtlExitCode

  constructor(exitCode: CtlExitCode, text: string, options?: ErrorOptions) {
    super(text, options)
    this.exitCode = exitCode
  }
}
