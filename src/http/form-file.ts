const BOUNDARY = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i
const IS_FILE = /^content-disposition:[^\r\n]*;\s*name="?file"?\s*(?:;|$)/im
const HEAD_END = '\r\n\r\n'

/** The content of the field `file` of a form (RFC 7578), where it lies; undefined when there is none. */
export function fileInForm(bytes: Buffer, contentType: string): Buffer | undefined {
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined) return undefined
  const line = `\r\n--${boundary}`
  let end = bytes.indexOf(line.slice(2))
  while (end >= 0) {
    const head = bytes.indexOf('\r\n', end + line.length - 2)
    const start = head < 0 ? -1 : bytes.indexOf(HEAD_END, head)
    if (start < 0) return undefined
    const content = start + HEAD_END.length
    end = bytes.indexOf(line, content - HEAD_END.length + 2)
    if (end >= 0 && IS_FILE.test(bytes.toString('latin1', head + 2, start)))
      return bytes.subarray(content, Math.max(content, end))
  }
  return undefined
}
