/** `columns=name,message_stats.publish`: the parts of objects that are asked for. */

/** Undefined for all of them; else the names on the way to each part. */
export type Columns = readonly (readonly string[])[] | undefined

export function columnsOf(query: URLSearchParams): Columns {
  const text = query.get('columns')
  if (text === null || text === '') return undefined
  return text
    .split(',')
    .filter((column) => column !== '')
    .map((column) => column.split('.').filter((name) => name !== ''))
}

export function pick(value: unknown, columns: Columns): unknown {
  if (columns === undefined) return value
  if (Array.isArray(value)) return value.map((one) => pick(one, columns))
  if (typeof value !== 'object' || value === null) return value
  const picked: [string, unknown][] = []
  for (const [name, part] of Object.entries(value)) {
    const wanted = wantedOf(name, columns)
    if (wanted !== 'nothing') picked.push([name, pick(part, wanted)])
  }
  return Object.fromEntries(picked)
}

/** What is asked for of the part of this name. */
export function wantedOf(name: string, columns: Columns): Columns | 'nothing' {
  if (columns === undefined) return undefined
  const wanted = columns.filter(([first]) => first === name)
  if (wanted.length === 0) return 'nothing'
  return wanted.some(({ length }) => length === 1) ? undefined : wanted.map((path) => path.slice(1))
}

/** The part that a dotted name leads to. */
export function partAt(value: unknown, path: readonly string[]): unknown {
  let part = value
  for (const name of path) {
    if (typeof part !== 'object' || part === null) return undefined
    part = (part as Readonly<Record<string, unknown>>)[name]
  }
  return part
}
