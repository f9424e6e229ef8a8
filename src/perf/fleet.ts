import { fork } from 'node:child_process'
import { PerfError } from './perf-error.ts'
import { sumTallies, type Tally } from './tally.ts'
import type { FromWorker, ToWorker, WorkerResult, WorkerSetup } from './worker-messages.ts'

// All workers of a run: tells them what to do and waits until each has answered. One that fails ends the waiting for all.

/** The run's end of the line to a worker. */
export interface WorkerLink {
  send(message: ToWorker): void
  onMessage(listener: (message: FromWorker) => void): void
  /** The worker is gone. */
  onExit(listener: () => void): void
  kill(): void
}

export type SpawnWorker = () => WorkerLink

/** A worker in a process of its own. */
export function forkWorker(): WorkerLink {
  const child = fork(new URL('./worker-main.js', import.meta.url), { serialization: 'advanced' })
  return {
    send: (message) => void (child.connected && child.send(message)),
    onMessage: (listener) => void child.on('message', (message) => listener(message as FromWorker)), // see worker-main.ts
    onExit: (listener) => void child.once('exit', listener),
    kill: () => void child.kill('SIGKILL'),
  }
}

interface AwaitedState {
  readonly isDone: () => boolean
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class Fleet {
  readonly results: WorkerResult[] = []
  blockedReason: string | undefined

  readonly #links: readonly WorkerLink[]
  readonly #tallies = new Map<WorkerLink, Tally>()
  #ready = 0
  readonly #publishersDone = new Set<WorkerLink>()
  #failure: PerfError | undefined
  #waiting: AwaitedState[] = []

  constructor(setups: readonly WorkerSetup[], spawn: SpawnWorker) {
    this.#links = setups.map(spawn)
    for (const [index, link] of this.#links.entries()) {
      link.onMessage((message) => this.#heed(link, message))
      link.onExit(() => this.#fail('a worker process ended unexpectedly'))
      const setup = setups[index]
      if (setup !== undefined) link.send({ kind: 'connect', setup })
    }
  }

  /** What all have told of their progress. */
  get tally(): Tally {
    return sumTallies([...this.#tallies.values()])
  }

  tell(message: ToWorker): void {
    for (const link of this.#links) link.send(message)
  }

  allReady(): Promise<void> {
    return this.#until(() => this.#ready >= this.#links.length)
  }

  allPublished(): Promise<void> {
    return this.#until(() => this.#publishersDone.size >= this.#links.length)
  }

  allFinished(): Promise<void> {
    return this.#until(() => this.results.length >= this.#links.length)
  }

  consumedAtLeast(count: number): Promise<void> {
    return this.#until(() => this.tally.consumed >= count)
  }

  dismiss(): void {
    this.#failure ??= new PerfError('the run is over')
    for (const link of this.#links) link.kill()
  }

  #until(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ isDone, resolve, reject })
      this.#look()
    })
  }

  #heed(link: WorkerLink, message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.#ready++
        break
      case 'publishersDone':
        this.#publishersDone.add(link)
        break
      case 'result':
        this.results.push(message.result)
        break
      case 'failed':
        this.#fail(message.text)
        return
      case 'progress':
        this.#tallies.set(link, message.tally)
        this.blockedReason = message.blockedReason ?? this.blockedReason
        break
      default:
        message satisfies never
    }
    this.#look()
  }

  #fail(text: string): void {
    this.#failure ??= new PerfError(text)
    this.#look()
  }

  #look(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const each of waiting) {
      if (each.isDone()) each.resolve()
      else if (this.#failure !== undefined) each.reject(this.#failure)
      else this.#waiting.push(each)
    }
  }
}
