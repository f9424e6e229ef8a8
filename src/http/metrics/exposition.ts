/** Metrics as text that Prometheus reads. Written piece by piece, since there may be very many. */
export type Labels = Readonly<Record<string, string>>

export interface Family<T> {
  /** Without the prefix. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'untyped'
  readonly help: string
  value(of: T): number
}

/** Lines that are handed over at a time. */
const PIECE_LINES = 1024

export class Exposition {
  readonly #sections: Iterable<string>[] = []
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** One series for each of the objects, written when it is due. */
  family<T>(family: Family<T>, objects: Iterable<T>, labelsOf: (object: T) => string): void {
    this.#sections.push(lines(`${this.#prefix}${family.name}`, family, objects, labelsOf))
  }

  series(name: string, type: Family<unknown>['type'], help: string, all: readonly (readonly [Labels, number])[]): void {
    const full = `${this.#prefix}${name}`
    const texts = all.map(([labels, value]) => `${full}${labelText(labels)} ${numberText(value)}\n`)
    this.#sections.push([`${head(full, type, help)}${texts.join('')}`])
  }

  /** All of it, in pieces: it may be much. */
  *pieces(): Iterable<string> {
    for (const section of this.#sections) yield* section
  }
}

function* lines<T>(
  name: string,
  family: Family<T>,
  objects: Iterable<T>,
  labelsOf: (object: T) => string,
): Iterable<string> {
  let text = head(name, family.type, family.help)
  let count = 0
  for (const object of objects) {
    text += `${name}${labelsOf(object)} ${numberText(family.value(object))}\n`
    if (++count % PIECE_LINES !== 0) continue
    yield text
    text = ''
  }
  yield text
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
