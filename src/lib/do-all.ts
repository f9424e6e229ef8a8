/** Takes all steps, whatever becomes of each: behind an end that stops half way nobody comes. Throws what the first one threw that failed. */
export function doAll(...steps: readonly (() => void)[]): void {
  doForEach(steps, (step) => step())
}

/** The same for one step with each of these. */
export function doForEach<T>(all: Iterable<T>, act: (one: T) => void): void {
  let first: { readonly error: unknown } | undefined
  for (const one of all) {
    try {
      act(one)
    } catch (error) {
      first ??= { error }
    }
  }
  if (first !== undefined) throw first.error
}
