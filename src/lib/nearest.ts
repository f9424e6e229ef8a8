/** What is shorter may begin anything. */
const BEGINNING_MIN = 4
/** With more, it is not the same name mistyped but another one. */
const MISTAKES_MAX = 3

/** The candidate that is fewest typing mistakes away, or begins with the name; undefined when none is alike. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.min(MISTAKES_MAX, Math.max(1, Math.floor(name.length / 3))) + 1
  for (const candidate of candidates) {
    const distance = editDistance(name, candidate)
    if (distance >= bestDistance) continue
    best = candidate
    bestDistance = distance
  }
  return best ?? [...candidates].find((candidate) => name.length >= BEGINNING_MIN && candidate.startsWith(name))
}

/** How many insertions, deletions, replacements and swaps of neighbours turn one into the other. */
export function editDistance(from: string, to: string): number {
  let beforeThat: number[] = []
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const replaced = at(previous, column - 1) + (from[row - 1] === to[column - 1] ? 0 : 1)
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      const swapped = isSwap ? at(beforeThat, column - 2) + 1 : Number.POSITIVE_INFINITY
      current.push(Math.min(replaced, swapped, at(previous, column) + 1, at(current, column - 1) + 1))
    }
    beforeThat = previous
    previous = current
  }
  return at(previous, to.length)
}

function at(distances: readonly number[], column: number): number {
  return distances[column] ?? Number.POSITIVE_INFINITY
}
