import { median } from '../compare/results.ts'

/** A bound that the value is to keep. */
export type Wanted = { readonly atLeast: number } | { readonly above: number } | { readonly below: number }

/** One number of the result. */
export interface Figure {
  readonly name: string
  readonly description: string
  readonly unit: string
  readonly wanted: Wanted | null
  /** The median of the runs. */
  readonly value: number | null
  readonly runs: readonly number[]
  /** How busy the generator was meanwhile, in percent of a processor, where there was one. */
  readonly generatorCpuPercent: number | null
}

interface Meaning {
  readonly name: string
  readonly description: string
  readonly unit: string
  readonly wanted?: Wanted
  readonly generatorCpuPercent?: number
}

const DIGITS = 4

export function figure(meaning: Meaning, runs: readonly (number | null | undefined)[]): Figure {
  const present = runs.filter((value) => typeof value === 'number')
  const value = median(present)
  return {
    name: meaning.name,
    description: meaning.description,
    unit: meaning.unit,
    wanted: meaning.wanted ?? null,
    value: value === null ? null : rounded(value),
    runs: present.map(rounded),
    generatorCpuPercent: meaning.generatorCpuPercent ?? null,
  }
}

/** `undefined` where nothing is wanted or nothing was measured. */
export function isReached({ wanted, value }: Figure): boolean | undefined {
  if (wanted === null || value === null) return undefined
  if ('atLeast' in wanted) return value >= wanted.atLeast
  return 'above' in wanted ? value > wanted.above : value < wanted.below
}

/** Further digits would only pretend. */
function rounded(value: number): number {
  return Math.abs(value) >= 10 ** (DIGITS - 1) ? Math.round(value) : Number(value.toPrecision(DIGITS))
}
