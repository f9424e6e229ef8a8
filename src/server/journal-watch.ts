import type { Storage } from '../../storage/storage.ts'
import type { Alarm } from '../lib/alarm.ts'
import type { Logger } from '../lib/logger.ts'

/** The listener, as far as the disk concerns it. */
export interface JournalClients {
  /** What waits for the disk waits for long. */
  diskFailed(): void
  resumePublishers(): void
}

/** Follows the journal: says in the log what keeps it from writing, and lets publishers go on as soon as they may. */
export class JournalWatch {
  readonly #storage: Pick<Storage, 'journal'>
  readonly #clients: JournalClients
  readonly #logger: Logger
  /** It can write nothing. */
  readonly #diskAlarm: Alarm
  /** It is behind. */
  readonly #alarm: Alarm
  #trouble: string | undefined
  #unsubscribe: readonly (() => void)[] = []

  /** The journal is there once the storage is open. */
  constructor(
    storage: Pick<Storage, 'journal'>,
    clients: JournalClients,
    { storeAlarm, diskAlarm }: { readonly storeAlarm: Alarm; readonly diskAlarm: Alarm },
    logger: Logger,
  ) {
    this.#storage = storage
    this.#clients = clients
    this.#alarm = storeAlarm
    this.#diskAlarm = diskAlarm
    this.#logger = logger
  }

  start(): void {
    const alarmChanged = (isActive: boolean): void => {
      if (isActive) this.#clients.diskFailed()
      this.#look()
    }
    this.#unsubscribe = [
      this.#storage.journal.onChange(() => this.#look()),
      this.#alarm.onChange((isActive) => alarmChanged(isActive)),
    ]
    this.#look()
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
  }

  #look(): void {
    const { trouble, isCongested } = this.#storage.journal
    if (trouble !== this.#trouble) {
      if (trouble === undefined) this.#logger.info({}, 'the disk can be written again: publishers go on')
      else this.#logger.error({}, `${trouble}; publishers wait, consumers go on`)
      this.#trouble = trouble
      this.#diskAlarm.set(trouble !== undefined)
      if (trouble !== undefined) this.#clients.diskFailed()
    }
    if (!isCongested && !this.#alarm.isActive) this.#clients.resumePublishers()
  }
}
