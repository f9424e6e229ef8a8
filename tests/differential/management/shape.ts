// The shape of a JSON value: which fields it has, and of what types they are. Lists have the shapes of all their entries together.

export type Shape = ReadonlyMap<string, ReadonlySet<string>>

/** Where an answer comes from. */
export interface Place {
  /** Its name stands for every node's. */
  readonly node: string
  /** Entries of lists that are in another one do not count: others use the broker at the same time. */
  readonly vhost: string
}

/** Types by path: `.items[].name` → `string`. */
export function shapeOf(value: unknown, { node, vhost }: Place): Shape {
  const types = new Map<string, Set<string>>()
  const visit = (path: string, part: unknown): void => {
    const known = types.get(path) ?? new Set()
    types.set(path, known.add(typeName(part)))
    if (Array.isArray(part)) {
      for (const entry of part) if ((vhostOf(entry) ?? vhost) === vhost) visit(`${path}[]`, entry)
    } else if (typeof part === 'object' && part !== null) {
      for (const [name, field] of Object.entries(part)) visit(`${path}.${name === node ? ':node' : name}`, field)
    }
  }
  visit('', value)
  return types
}

/** Of a virtual host itself: its name. */
function vhostOf(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null) return undefined
  const { vhost, queue, name, cluster_state: state } = entry as Readonly<Record<string, unknown>>
  return vhost ?? vhostOf(queue) ?? (state === undefined ? undefined : name)
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

/** What the second one lacks, has beside, or has of another type. A null says nothing about a type. */
export function compareShapes(expected: Shape, actual: Shape): string[] {
  const differences: string[] = []
  for (const [path, types] of expected) {
    const found = actual.get(path)
    if (found === undefined) {
      if (actual.has(around(path))) differences.push(`lacks ${path}`)
    } else if (!sameTypes(types, found)) differences.push(`${path} is ${[...found]}, not ${[...types]}`)
  }
  for (const path of actual.keys()) {
    if (!expected.has(path) && expected.has(around(path))) differences.push(`has ${path}`)
  }
  return differences
}

/** What a field or an entry is part of: told alone when it is missing as a whole. */
function around(path: string): string {
  return path.replace(/(?:\[\]|\.[^.[\]]*)$/, '')
}

function sameTypes(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const [left, right] = [withoutNull(a), withoutNull(b)]
  return left.size === 0 || right.size === 0 || (left.size === right.size && [...left].every((type) => right.has(type)))
}

function withoutNull(types: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...types].filter((type) => type !== 'null'))
}
