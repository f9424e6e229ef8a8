import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options?: { readonly type: 'minor' }) => void

let collect: Collect | undefined

/** Collects all of V8's garbage, now: the larger the heap, the longer it takes. */
export function collectGarbage(): void {
  collector()()
}

/** Only what was made a short time ago, which takes a millisecond or two. Memory beside the heap that it had goes back with it. */
export function collectYoungGarbage(): void {
  collector()({ type: 'minor' })
}

function collector(): Collect {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as Collect // the flag has just put it there
  }
  return collect
}
