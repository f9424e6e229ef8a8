import { type Stage, untilKilled } from './actors.ts'
import { processProblems } from './verify.ts'

/** Lets the actors keep the broker busy for so long, then ends it. Throws when one of them met what must not be. */
export async function live(
  stage: Stage,
  actors: readonly (() => Promise<void>)[],
  lifeMs: number,
  signal: 'SIGTERM' | 'SIGKILL',
): Promise<void> {
  const { broker } = stage
  const acting = Promise.all(actors.map((act) => untilKilled(stage, act)))
  let timer: NodeJS.Timeout | undefined
  const isOver = new Promise((resolve) => {
    timer = setTimeout(resolve, lifeMs)
  })
  try {
    await Promise.race([acting, isOver])
    const problems = processProblems(broker)
    if (problems.length > 0) throw new Error(problems.join('\n'))
  } catch (error) {
    // What the broker says about it comes a moment later.
    await new Promise((resolve) => setTimeout(resolve, 200))
    throw new Error([String(error), ...processProblems(broker)].join('\n'), { cause: error })
  } finally {
    clearTimeout(timer)
  }
  await broker.kill(signal)
  await acting
}
