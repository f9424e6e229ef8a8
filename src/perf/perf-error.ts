/** Something the person who started the run can put right: shown without a stack. */
export class PerfError extends Error {
  override readonly name: string = 'PerfError'
}

/** The broker closed a channel or the connection and said why. */
export class BrokerRefusal extends PerfError {
  override readonly name = 'BrokerRefusal'
  readonly code: number

  constructor(code: number, text: string) {
    super(text)
    this.code = code
  }
}
