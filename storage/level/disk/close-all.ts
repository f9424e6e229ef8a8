/** Does all of it one after the other, also when a part of it fails, and rejects with the first error then. */
export async function closeAll(steps: Iterable<() => Promise<unknown> | undefined>): Promise<void> {
  const errors: unknown[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}
