/** Metrics as text that Prometheus reads. Written turn by turn, since there may be very many. */
import { Pacer } from '../../lib/pacer.ts'

export type Labels = Readonly<Record<string, string>>

export interface Family<T> {
  /** Without the prefix. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'untyped'
  readonly help: string
  value(of: T): number
}

export class Exposition {
  readonly #parts: string[] = []
  readonly #pacer = new Pacer()
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** One series for each of the objects. */
  async family<T>(family: Family<T>, objects: Iterable<T>, labelsOf: (object: T) => string): Promise<void> {
    const name = `${this.#prefix}${family.name}`
    this.#parts.push(head(name, family.type, family.help))
    for (const object of objects) {
      this.#parts.push(`${name}${labelsOf(object)} ${numberText(family.value(object))}\n`)
      if (this.#pacer.isDue) await this.#pacer.rest()
    }
  }

  series(name: string, type: Family<unknown>['type'], help: string, all: readonly (readonly [Labels, number])[]): void {
    const full = `${this.#prefix}${name}`
    this.#parts.push(head(full, type, help))
    for (const [labels, value] of all) this.#parts.push(`${full}${labelText(labels)} ${numberText(value)}\n`)
  }

  text(): string {
    return this.#parts.join('')
  }
}

function head(name: string, type: string, help: string): string {
  return `# TYPE ${name} ${type}\n# HELP ${name} ${help}\n`
}

/** `{vhost="/",queue="q"}`; nothing when there are none. */
export function labelText(labels: Labels): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return texts.length === 0 ? '' : `{${texts.join(',')}}`
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf'
}
