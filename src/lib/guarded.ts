/**
 * Work for a timer or an event of the system: what it throws would end the process, since nothing above it catches it.
 * `onDefect` is told instead.
 */
export function guarded<Arguments extends readonly unknown[]>(
  work: (...args: Arguments) => void,
  onDefect: (error: unknown) => void,
): (...args: Arguments) => void {
  return (...args) => {
    try {
      work(...args)
    } catch (error) {
      onDefect(error)
    }
  }
}
