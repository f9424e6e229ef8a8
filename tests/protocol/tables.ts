// Field tables put together octet by octet, so that they may be wrong in ways that the encoder refuses.

/** A table of these entries: keys and the octets of their fields, tags included. */
export function tableOf(...entries: readonly (readonly [key: string, field: Iterable<number>])[]): Buffer {
  const parts = entries.flatMap(([key, field]) => [
    Buffer.of(Buffer.byteLength(key)),
    Buffer.from(key),
    Buffer.from([...field]),
  ])
  return withLength(Buffer.concat(parts))
}

/** The field of an array with these octets. */
export function arrayOf(elements: Buffer): Buffer {
  return Buffer.concat([Buffer.from('A'), withLength(elements)])
}

/** That many void fields, for an array. */
export function voids(count: number): Buffer {
  return Buffer.alloc(count, 'V')
}

/** A table in a table in a table, `depth` in all. */
export function nestedTables(depth: number): Buffer {
  let table = tableOf()
  for (let level = 1; level < depth; level++) table = tableOf(['k', Buffer.concat([Buffer.from('F'), table])])
  return table
}

/** A table around arrays in arrays, `depth` levels in all. */
export function nestedArrays(depth: number): Buffer {
  const inner: Buffer[] = []
  for (let level = depth - 1; level >= 1; level--) {
    const head = Buffer.from('A\0\0\0\0')
    head.writeUInt32BE((level - 1) * head.length, 1)
    inner.push(head)
  }
  return tableOf(['k', Buffer.concat(inner)])
}

function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
