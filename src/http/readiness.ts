/** Whether clients can be sent to this server: it listens for them, and can keep what they publish. */
import type { ManagedServer } from './managed-server.ts'

export interface Readiness {
  readonly isReady: boolean
  /** Why it is not, in plain words. */
  readonly reason: string
}

export async function readiness(server: ManagedServer): Promise<Readiness> {
  const { listeners, trouble } = await server.node()
  if (trouble !== undefined) return { isReady: false, reason: trouble }
  if (!listeners.some(({ protocol }) => /^amqp|web-amqp$/.test(protocol)))
    return { isReady: false, reason: 'no listener takes clients' }
  return { isReady: true, reason: '' }
}
