import type { ResourceKind } from '../../broker/errors.ts'
import { guarded } from '../../lib/guarded.ts'
import type { Channel } from '../channel.ts'

/**
 * Acts once the bindings of a queue or an exchange that was removed have gone, and the exchanges that go with their last one: at once
 * if they were few. What the client has sent behind it waits until then, and so does what it is told behind the answer.
 */
export function whenUnbound(channel: Channel, kind: ResourceKind, name: string, act: () => void): void {
  const ended = channel.vhost.unbindings.ofRemoved(kind, name)
  if (ended === undefined) {
    act()
    return
  }
  const { failures, input, intake } = channel.connection
  const goOn = (): void => {
    intake.endLongWork()
    if (!channel.isClosing) act()
    input.answered()
  }
  intake.beginLongWork()
  input.answerLater()
  void ended.then(guarded(goOn, (error) => failures.failWith(error)))
}
