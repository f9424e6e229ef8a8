/** `1,234,567`, without decimals. */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** Rounds for JSON: more digits than that would only pretend. */
export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
