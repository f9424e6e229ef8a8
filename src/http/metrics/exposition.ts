/**
 * Metrics as text, in the form of Prometheus or of OpenMetrics (which calls counters by their names without `_total`, has other words
 * for what is neither counter nor gauge, and says where it ends). Written piece by piece, since there may be very many.
 */
import type { Histogram } from '../../lib/histogram.ts'

export type Labels = Readonly<Record<string, string>>
export type MetricType = 'counter' | 'gauge' | 'untyped' | 'histogram'
export type Format = 'prometheus' | 'openmetrics'

export interface Family<T> {
  /** Without the prefix. */
  readonly name: string
  readonly type: MetricType
  readonly help: string
  value(of: T): number
}

/** Series of many objects: the lines of each family, for its name in full. */
export interface SeriesOfEach {
  readonly families: readonly Pick<Family<never>, 'name' | 'type' | 'help'>[]
  lines(family: number, name: string): Iterable<Uint8Array>
}

/** A part of the text: what is counted for very many objects is made as bytes. */
export type Piece = string | Uint8Array

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** OpenMetrics for who asks for it, and does not like plain text as much. */
export function formatFor(accept: string | null): Format {
  const weight = (type: string): number => {
    const part = (accept ?? '').split(',').find((one) => one.trim().toLowerCase().startsWith(type))
    if (part === undefined) return -1
    const quality = Number(/;\s*q=([\d.]+)/.exec(part)?.[1] ?? 1)
    return Number.isNaN(quality) ? 1 : quality
  }
  const open = weight('application/openmetrics-text')
  return open > 0 && open >= weight('text/plain') ? 'openmetrics' : 'prometheus'
}

export class Exposition {
  readonly format: Format
  readonly #sections: Iterable<Piece>[] = []
  readonly #prefix: string

  constructor(prefix: string, format: Format) {
    this.#prefix = prefix
    this.format = format
  }

  /** A part of this text whose names have another prefix. */
  with(prefix: string): Exposition {
    const part = new Exposition(prefix, this.format)
    this.#sections.push(part.#all())
    return part
  }

  /** All families, written when they are due. */
  each(series: SeriesOfEach): void {
    for (const [at, { name, type, help }] of series.families.entries()) {
      this.#sections.push([this.#head(name, type, help)], series.lines(at, `${this.#prefix}${name}`))
    }
  }

  series(name: string, type: MetricType, help: string, all: readonly (readonly [Labels, number])[]): void {
    const full = `${this.#prefix}${name}`
    const texts = all.map(([labels, value]) => `${full}${labelText(labels)} ${numberText(value)}\n`)
    this.#sections.push([`${this.#head(name, type, help)}${texts.join('')}`])
  }

  histogram(name: string, help: string, labels: Labels, histogram: Histogram): void {
    const full = `${this.#prefix}${name}`
    const cumulative = histogram.cumulative()
    const bounds = [...histogram.bounds.map(boundText), '+Inf']
    const buckets = bounds.map((le, at) => `${full}_bucket${labelText({ ...labels, le })} ${cumulative[at]}\n`)
    const ends = `${full}_sum${labelText(labels)} ${numberText(histogram.sum)}\n${full}_count${labelText(labels)} ${cumulative.at(-1)}\n`
    this.#sections.push([`${this.#head(name, 'histogram', help)}${buckets.join('')}${ends}`])
  }

  /** All of it, in pieces: it may be much. */
  *pieces(): Iterable<Piece> {
    yield* this.#all()
    if (this.format === 'openmetrics') yield '# EOF\n'
  }

  *#all(): Iterable<Piece> {
    for (const section of this.#sections) yield* section
  }

  #head(name: string, type: MetricType, help: string): string {
    const isOpen = this.format === 'openmetrics'
    const full = `${this.#prefix}${isOpen && type === 'counter' ? name.replace(/_total$/, '') : name}`
    return `# TYPE ${full} ${isOpen && type === 'untyped' ? 'unknown' : type}\n# HELP ${full} ${help}\n`
  }
}

/** `{vhost="/",queue="q"}`; nothing when there are none. */
export function labelText(labels: Labels): string {
  const texts = Object.entries(labels).map(([name, value]) => labelPair(name, value))
  return texts.length === 0 ? '' : `{${texts.join(',')}}`
}

/** `vhost="/"`. */
export function labelPair(name: string, value: string): string {
  return `${name}="${SPECIAL.test(value) ? escaped(value) : value}"`
}

const SPECIAL = /[\\"\n]/

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}

export function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf'
}

/** RabbitMQ's dashboard looks for these very texts: `100.0`, `1e+06`. */
function boundText(bound: number): string {
  if (bound >= 1_000_000) return bound.toExponential().replace(/e\+(\d)$/, 'e+0$1')
  return Number.isInteger(bound) ? `${bound}.0` : String(bound)
}
