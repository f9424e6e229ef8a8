// The form of rabbitmq.conf: one `key = value` per line, `#` starts a comment, a value in single quotes may contain
// anything but line breaks (`\'` is a quote). Meaning is config/file-settings.ts' business.

export interface ConfEntry {
  readonly key: string
  readonly value: string
  readonly line: number
}

export interface ConfText {
  readonly entries: readonly ConfEntry[]
  /** Numbers of the lines that cannot be read. */
  readonly unreadableLines: readonly number[]
}

const LINE = /^\s*(?<key>[^\s=#']+)\s*=(?:\s*'(?<quoted>(?:\\'|[^'])*)'\s*|(?!\s*')(?<plain>[^#]*))(?:#.*)?$/s

export function parseConfText(text: string): ConfText {
  const entries: ConfEntry[] = []
  const unreadableLines: number[] = []
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  for (const [index, source] of lines.entries()) {
    if (/^\s*(?:#|$)/.test(source)) continue
    const groups = LINE.exec(source)?.groups
    if (groups?.key === undefined) {
      unreadableLines.push(index + 1)
      continue
    }
    const value = groups.quoted?.replaceAll("\\'", "'") ?? groups.plain?.trim() ?? ''
    entries.push({ key: groups.key, value, line: index + 1 })
  }
  return { entries, unreadableLines }
}

/** The line that says this; undefined when no line can. */
export function confLine(key: string, value: string): string | undefined {
  if (/[\r\n]/.test(value)) return undefined
  const isPlain = value !== '' && value.trim() === value && !/^'|#/.test(value)
  return `${key} = ${isPlain ? value : `'${value.replaceAll("'", "\\'")}'`}`
}
