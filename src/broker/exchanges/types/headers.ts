/**
 * A message goes where its headers match the binding's arguments: all of them or any of them (`x-match`). Arguments that
 * begin with `x-` only count in the modes all-with-x and any-with-x; a void argument asks only that the header is there.
 *
 * What bindings ask for, a name and a value, is a `Demand`; bindings that ask for the same share it. A message meets the
 * demands that its headers have, and only bindings of these are looked at: a binding that asks for any is found under
 * each of its demands, one that asks for all under the one of them that the fewest others are found under.
 */
import type { Field, FieldTable } from '../../../../protocol/field-table.ts'
import type { Properties } from '../../../../protocol/properties.ts'
import { refuse } from '../../errors.ts'
import { fieldText, fieldTypeName, valueKey } from '../../fields.ts'
import type { RoutingTable, Way } from './routing-table.ts'

const MATCH_MODES = {
  all: { isAny: false, withX: false },
  any: { isAny: true, withX: false },
  'all-with-x': { isAny: false, withX: true },
  'any-with-x': { isAny: true, withX: true },
} as const

/** The key of a value when any will do. No value has it: theirs begin with a letter. */
const ANY_VALUE = ''

class Demand<D> {
  readonly name: string
  readonly value: string
  /** How many bindings ask for this. */
  uses = 0
  /** The bindings that are found here. */
  readonly matchers = new Set<Matcher<D>>()
  /** The last message that met it. */
  metBy = 0

  constructor(name: string, value: string) {
    this.name = name
    this.value = value
  }
}

interface Matcher<D> {
  readonly destination: D
  readonly isAny: boolean
  readonly demands: readonly Demand<D>[]
  /** The last message that it was found for. */
  foundBy: number
}

export class HeadersTable<D> implements RoutingTable<D> {
  readonly #matchers = new Map<Way<D>, Matcher<D>>()
  /** By name, then by the key of the value. */
  readonly #demands = new Map<string, Map<string, Demand<D>>>()
  /** They ask for nothing. */
  readonly #always = new Set<Matcher<D>>()
  #message = 0

  add(way: Way<D>): void {
    const { isAny, wanted } = wishes(way.arguments)
    const values = wanted.map(([name, value]) => [name, value.type === 'V' ? ANY_VALUE : valueKey(value)] as const)
    // What no header can have is never met: one that asks for any goes without, one that asks for all matches nothing.
    const possible = values.filter((pair): pair is readonly [string, string] => pair[1] !== undefined)
    if (!isAny && possible.length < values.length) return
    const demands = possible.map(([name, value]) => this.#demand(name, value))
    const matcher = { destination: way.destination, isAny, demands, foundBy: 0 }
    this.#matchers.set(way, matcher)
    for (const place of this.#placesOf(matcher)) place.add(matcher)
  }

  remove(way: Way<D>): void {
    const matcher = this.#matchers.get(way)
    if (matcher === undefined) return
    this.#matchers.delete(way)
    this.#always.delete(matcher)
    for (const demand of matcher.demands) {
      demand.matchers.delete(matcher)
      if (--demand.uses === 0) this.#forget(demand)
    }
  }

  route(_routingKey: string, { headers }: Properties, visit: (destination: D) => void): void {
    for (const { destination } of this.#always) visit(destination)
    if (this.#demands.size === 0 || headers === undefined) return
    const message = ++this.#message
    for (const demand of this.#meet(headers)) {
      for (const matcher of demand.matchers) {
        if (matcher.foundBy === message) continue
        matcher.foundBy = message
        if (matcher.isAny || areMet(matcher.demands, message)) visit(matcher.destination)
      }
    }
  }

  /** The demands that these headers meet: all are marked before any is looked at. */
  #meet(headers: FieldTable): Demand<D>[] {
    const met: Demand<D>[] = []
    for (const [name, field] of headers) {
      const byValue = this.#demands.get(name)
      if (byValue === undefined) continue
      const key = field.type === 'V' ? undefined : valueKey(field)
      for (const demand of [byValue.get(ANY_VALUE), key === undefined ? undefined : byValue.get(key)]) {
        if (demand === undefined) continue
        demand.metBy = this.#message
        met.push(demand)
      }
    }
    return met
  }

  #placesOf(matcher: Matcher<D>): readonly Set<Matcher<D>>[] {
    const places = matcher.demands.map(({ matchers }) => matchers)
    if (matcher.isAny) return places
    return [places.reduce((best, place) => (place.size < best.size ? place : best), places[0] ?? this.#always)]
  }

  /** The demand, with one more use counted. */
  #demand(name: string, value: string): Demand<D> {
    let byValue = this.#demands.get(name)
    if (byValue === undefined) {
      byValue = new Map()
      this.#demands.set(name, byValue)
    }
    let demand = byValue.get(value)
    if (demand === undefined) {
      demand = new Demand<D>(name, value)
      byValue.set(value, demand)
    }
    demand.uses++
    return demand
  }

  #forget({ name, value }: Demand<D>): void {
    const byValue = this.#demands.get(name)
    byValue?.delete(value)
    if (byValue?.size === 0) this.#demands.delete(name)
  }
}

export function checkHeadersBinding(bindingArguments: FieldTable): void {
  const mode = bindingArguments.get('x-match')
  if (mode === undefined) return
  if (mode.type !== 'S') throw refuse.invalidXMatchType(fieldTypeName(mode), fieldText(mode))
  if (!Object.hasOwn(MATCH_MODES, String(mode.value))) throw refuse.invalidXMatch(fieldText(mode))
}

/** What the binding asks for. */
function wishes(bindingArguments: FieldTable): {
  readonly isAny: boolean
  readonly wanted: (readonly [string, Field])[]
} {
  const mode = bindingArguments.get('x-match')
  const name = mode?.type === 'S' ? String(mode.value) : 'all'
  const { isAny, withX } = MATCH_MODES[name as keyof typeof MATCH_MODES] // checked when it was bound
  const wanted = [...bindingArguments].filter(([key]) => key !== 'x-match' && (withX || !key.startsWith('x-')))
  return { isAny, wanted }
}

function areMet(demands: readonly Pick<Demand<unknown>, 'metBy'>[], message: number): boolean {
  for (const demand of demands) if (demand.metBy !== message) return false
  return true
}
