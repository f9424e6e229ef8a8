import { cpus, release, totalmem, type } from 'node:os'

/** Where a number was measured: without it, it says nothing. */
export function environmentLine(): string {
  const processors = cpus()
  const model = processors[0]?.model.trim() ?? 'unknown processor'
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return `${processors.length} × ${model}, ${memory}, ${type()} ${release()}, Node ${process.version}`
}
