const UNITS = ['KiB', 'MiB', 'GiB']

/** `900 bytes`, `12.5 MiB`, `3.0 GiB` */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  const power = Math.min(UNITS.length, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(1)} ${UNITS[power - 1]}`
}
