import { FRAME_METHOD, FRAME_OVERHEAD_BYTES } from '../../protocol/constants.ts'
import { METHODS, type MethodName } from '../../protocol/methods.ts'
import type { ClientConnection } from '../../src/perf/client-connection.ts'

export const READ_BYTES = 262_144

const ANSWER_MS_MAX = 120_000

/** Resolves when so many of this answer have come; rejects when the broker closes the channel instead. */
export function answers(connection: ClientConnection, answer: MethodName, count: number): Promise<void> {
  const { classId, methodId } = METHODS[answer]
  const wantedId = classId * 0x1_0000 + methodId
  let answered = 0
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${answered} of ${count} ${answer} came`)), ANSWER_MS_MAX)
    connection.onLost = reject
    connection.receiveWith((view, end) => {
      let at = 0
      while (end - at >= FRAME_OVERHEAD_BYTES) {
        const size = view.getUint32(at + 3)
        const next = at + size + FRAME_OVERHEAD_BYTES
        if (next > end) break
        if (view.getUint8(at) === FRAME_METHOD && view.getUint32(at + 7) === wantedId) answered++
        else connection.handleFrame(at, size)
        at = next
      }
      if (answered >= count) {
        clearTimeout(timer)
        resolve()
      }
      return at
    })
  })
}
