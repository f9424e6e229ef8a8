/** The life of a server: it opens the storage and starts the parts, and stops them in reverse order. */
import type { RecoveryProgress } from '../../storage/storage.ts'
import type { ListenOptions } from '../listeners/listen-options.ts'
import { openStorage, restoreServer, type ServerRecovery } from './recovery.ts'
import { ServerAssembly, type ServerParts } from './server-assembly.ts'
import { NOT_RUNNING, STOPPED } from './status.ts'

const SHUTDOWN = "broker forced connection closure with reason 'shutdown'"

/** A server goes from `stopped` to `running` once, and back once. */
export type ServerState = 'stopped' | 'starting' | 'running' | 'stopping'

export class ServerLife {
  readonly assembly: ServerAssembly
  /** What was found in the storage; undefined before it is open. */
  recovery: ServerRecovery | undefined
  readonly #parts: ServerParts
  readonly #closeHttp: () => Promise<void>
  #state: ServerState = 'stopped'
  #start: Promise<void> | undefined
  #shutdown: Promise<void> | undefined
  #startedAtMs = 0

  constructor(parts: ServerParts, closeHttp: () => Promise<void>) {
    this.#parts = parts
    this.#closeHttp = closeHttp
    this.assembly = new ServerAssembly(parts, {
      requireRunning: () => this.requireRunning(),
      requireServing: () => {
        this.requireRunning()
        if (this.#state === 'stopping') throw new Error(STOPPED)
      },
    })
  }

  get state(): ServerState {
    return this.#state
  }

  /** A shutdown has begun, and may be over. */
  get isEnding(): boolean {
    return this.#shutdown !== undefined
  }

  get uptimeMs(): number {
    return this.#state === 'stopped' || this.#state === 'starting'
      ? 0
      : Math.round(this.assembly.clock.monotonicMs() - this.#startedAtMs)
  }

  requireRunning(): void {
    if (this.#state === 'running' || this.#state === 'stopping') return
    throw new Error(this.isEnding ? STOPPED : NOT_RUNNING)
  }

  async start(): Promise<void> {
    if (this.isEnding) throw new Error(STOPPED)
    this.#start ??= this.#open()
    await this.#start
  }

  /** Starts, and listens there as well. A server that this call has started is shut down when that fails. */
  async listen(listeners: readonly ListenOptions[]): Promise<void> {
    const { listeners: doors, hooks } = this.assembly
    const isFirst = this.#start === undefined
    await this.start()
    try {
      for (const listener of listeners) await doors.listen(listener)
    } catch (error) {
      hooks.call('onError', error)
      if (isFirst) await this.shutdown(this.#parts.config.shutdownGraceMs)
      throw error
    }
    if (!this.isEnding) return
    await doors.stop()
    throw new Error('the server was shut down before it listened')
  }

  async shutdown(graceMs: number): Promise<void> {
    if (this.#start === undefined) return
    this.#shutdown ??= this.#close(graceMs)
    await this.#shutdown
  }

  async #open(): Promise<void> {
    this.#state = 'starting'
    const { storage, config, authenticator } = this.#parts
    const { clock, journalWatch, storeDelay, memoryWatch, eventLoop, hooks } = this.assembly
    try {
      const onProgress = (progress: RecoveryProgress): void => this.#tellProgress(progress)
      await openStorage(storage, { onProgress, clock }, (found) => {
        this.recovery = restoreServer(found, this.assembly, config, authenticator === undefined)
      })
      await this.assembly.core.retriesRead()
      journalWatch.start()
      storeDelay.start(storage.journal)
    } catch (error) {
      this.#state = 'stopped'
      this.#start = undefined
      hooks.call('onError', error)
      throw error
    }
    memoryWatch.start()
    eventLoop.start()
    this.#startedAtMs = clock.monotonicMs()
    this.#state = 'running'
    hooks.call('onStart')
  }

  #tellProgress({ step, readBytes, totalBytes }: RecoveryProgress): void {
    const percent = totalBytes === 0 ? 100 : Math.floor((readBytes / totalBytes) * 100)
    this.assembly.logger.info({ percent, readBytes, totalBytes }, step)
  }

  async #close(graceMs: number): Promise<void> {
    await this.#start?.catch(() => {}) // the caller of start was told
    if (this.#state !== 'running') return
    this.#state = 'stopping'
    const { assembly } = this
    const ports = assembly.listeners.stop()
    await assembly.connections.closeConnections(SHUTDOWN, graceMs)
    assembly.connections.close()
    await ports
    assembly.memoryWatch.stop()
    assembly.eventLoop.stop()
    assembly.storeDelay.stop()
    await this.#closeHttp()
    assembly.management.statistics.stop()
    assembly.vhosts.close(new Error(STOPPED))
    assembly.core.finish()
    await this.#parts.storage.close()
    assembly.journalWatch.stop()
    assembly.core.close()
    assembly.memoryWatch.giveBack()
    assembly.backends?.close()
    assembly.rareLines.close()
    this.#state = 'stopped'
    assembly.hooks.call('onStop')
  }
}
