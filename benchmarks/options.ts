/** The number that an option of the command line has. Throws Error when it is none, or out of range. */
export function numberOption(option: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= min && value <= max)) {
    throw new Error(`--${option} is a number from ${min} to ${max}, not '${text}'`)
  }
  return value
}

/** The rows that `--only` names, all of them without it. Throws Error for a name that there is not. */
export function chosen<T extends { readonly name: string }>(
  rows: readonly T[],
  only: string | undefined,
): readonly T[] {
  const names = only?.split(',')
  const unknown = names?.find((name) => !rows.some((row) => row.name === name))
  if (unknown !== undefined)
    throw new Error(`nothing is called '${unknown}': ${rows.map(({ name }) => name).join(', ')}`)
  return rows.filter(({ name }) => names === undefined || names.includes(name))
}
