// Makes a sequence that fails as short and as plain as it can be while it still fails.
import type { Call, Step } from './step.ts'

export async function shrink(
  steps: readonly Step[],
  fails: (candidate: readonly Step[]) => Promise<boolean>,
): Promise<readonly Step[]> {
  return await simplify(await shorten(steps, fails), fails)
}

/** Leaves out halves, then quarters, and in the end single steps. */
async function shorten(steps: readonly Step[], fails: (candidate: readonly Step[]) => Promise<boolean>) {
  let best = steps
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length; ) {
      const candidate = [...best.slice(0, at), ...best.slice(at + size)]
      if (candidate.length > 0 && (await fails(candidate))) best = candidate
      else at += size
    }
  }
  return best
}

async function simplify(steps: readonly Step[], fails: (candidate: readonly Step[]) => Promise<boolean>) {
  let best = steps
  for (let index = 0; index < best.length; index++) {
    let hasChanged = true
    while (hasChanged) {
      hasChanged = false
      for (const simpler of simplerSteps(best[index] as Step)) {
        const candidate = best.with(index, simpler)
        if (!(await fails(candidate))) continue
        best = candidate
        hasChanged = true
        break
      }
    }
  }
  return best
}

/** The step with one thing less in it. */
function* simplerSteps(step: Step): Generator<Step> {
  if (step.kind !== 'calls' && step.kind !== 'blind') return
  const { calls } = step
  if (calls.length > 1) for (let i = 0; i < calls.length; i++) yield { ...step, calls: calls.toSpliced(i, 1) }
  for (const [i, one] of calls.entries()) {
    for (const simpler of simplerCalls(one)) yield { ...step, calls: calls.with(i, simpler) }
  }
}

function* simplerCalls(call: Call): Generator<Call> {
  for (const args of withoutOne(call.args ?? {})) yield { ...call, args }
  if (call.content === undefined) return
  const { properties = {}, bytes, frames } = call.content
  for (const fewer of withoutOne({ ...properties })) yield { ...call, content: { ...call.content, properties: fewer } }
  if (bytes !== undefined) yield { ...call, content: { properties, ...(frames !== undefined && { frames }) } }
  if (frames !== undefined && frames > 1) yield { ...call, content: { ...call.content, frames: 1 } }
}

/** The table without each of its fields in turn; of a field that is a table, first without that field's fields. */
function* withoutOne<T extends { readonly [key: string]: unknown }>(table: T): Generator<T> {
  for (const [key, value] of Object.entries(table)) {
    const { [key]: _, ...rest } = table
    yield rest as T
    if (isTable(value)) for (const fewer of withoutOne(value)) yield { ...table, [key]: fewer }
  }
}

function isTable(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('tag' in value)
}
