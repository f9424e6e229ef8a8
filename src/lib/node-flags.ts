/** The flags that Node.js and V8 were started with. */
export function nodeFlags(): string {
  return `${process.env.NODE_OPTIONS ?? ''} ${process.execArgv.join(' ')}`
}
