import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// `npm test`: everything that is quick. tests/interop needs other languages, tests/fuzz, tests/crash and the soak take
// minutes; each has its own command.
const exclude = [
  ...configDefaults.exclude,
  'tests/browser/**',
  'tests/interop/**',
  'tests/package/**',
  'tests/fuzz/**',
  'tests/crash/**',
  'tests/differential/**',
  'tests/soak/soak.test.ts',
]

/** Each of these has a process of its own: they look at its memory, or replace a module. */
const ISOLATED = [
  'tests/malice/{floods,frames,numbers,slow-readers,topology}.test.ts',
  'tests/embedded/embedded-broker.test.ts',
  'tests/conformance/blocked.test.ts',
  'tests/amqp/unsent-memory.test.ts',
  'tests/broker/queues/several-logs.test.ts',
  'tests/lib/memory-figures.test.ts',
]

/** They wait most of the time, or take longest: the others fill the time beside them, and none of them is left over at the end. */
const LONGEST = [
  'tests/malice/resident-memory.test.ts',
  'tests/durable/held-answers.test.ts',
  'tests/storage/level/power-loss.test.ts',
  'tests/storage/level/corruption.test.ts',
  'tests/malice/memory-limit.test.ts',
  'tests/malice/topology-memory.test.ts',
]

/** They wait for seconds on end. Side by side they would leave the processors idle, so each has others around it that do not wait. */
const WAITING = [
  'tests/conformance/auth-backends.test.ts',
  'tests/conformance/consumer-timeout.test.ts',
  'tests/conformance/frameworks.test.ts',
  'tests/conformance/handshake.test.ts',
  'tests/conformance/log-lines.test.ts',
  'tests/durable/disk-trouble.test.ts',
  'tests/durable/lost-folder.test.ts',
  'tests/embedded/consumer-timeout.test.ts',
  'tests/listeners/external.test.ts',
  'tests/listeners/tls.test.ts',
  'tests/malice/descriptors.test.ts',
  'tests/malice/send-timeout.test.ts',
  'tests/storage/level/checkpoint/give-back.test.ts',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const [isolated, shared] = [true, false].map((isolate) =>
      files.filter((file) => file.project.config.isolate === isolate),
    )
    const sorted = await super.sort(shared ?? [])
    const [long, waiting] = [LONGEST, WAITING].map((names) => sorted.filter((file) => isOneOf(file, names)))
    const others = sorted.filter((file) => !isOneOf(file, [...LONGEST, ...WAITING]))
    return [...(await super.sort(isolated ?? [])), ...(long ?? []), ...spread(waiting ?? [], others)]
  }
}

function isOneOf({ moduleId }: TestSpecification, names: readonly string[]): boolean {
  return names.some((name) => moduleId.endsWith(name))
}

/** Those that wait come at equal distances in the first half of the others, which takes longest. */
function spread(waiting: readonly TestSpecification[], others: readonly TestSpecification[]): TestSpecification[] {
  const distance = Math.max(1, Math.floor(others.length / 2 / Math.max(1, waiting.length)))
  const mixed = others.flatMap((file, at) => [
    ...(at % distance === 0 ? waiting.slice(at / distance, at / distance + 1) : []),
    file,
  ])
  return [...mixed, ...waiting.slice(Math.ceil(others.length / distance))]
}

export default defineConfig({
  test: {
    pool: 'forks',
    // The same that the command tells V8 (src/cli/assembly/collector.ts): with a heap that is small beside the messages it would look
    // through all of it over and over, which takes up to half of the processors' time.
    // The tests beside each other keep all processors busy: threads of the garbage collector would take a tenth more of their time.
    execArgv: ['--heap-growing-percent=400', '--min-semi-space-size=32', '--single-threaded-gc'],
    // Many tests wait for a clock: two more than there are processors use that time.
    maxWorkers: availableParallelism() + 2,
    globalSetup: ['tests/support/memory-folder.ts', 'tests/support/draw-seed.ts'],
    setupFiles: 'tests/support/same-examples.ts',
    // Bounds for a machine that does other things, too.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { sequencer: LongestFirst },
    // Some look at the memory or the timers of a whole process, of which something may still belong to the test before. What
    // passes only when it is repeated is marked in the output.
    retry: process.env.CI === undefined ? 0 : 2,
    // What a file has spied on is not left to the next one.
    restoreMocks: true,
    // What is compiled is kept in node_modules: the next run does not compile it again.
    experimental: { fsModuleCache: true },
    projects: [
      {
        extends: true,
        // A new process that loads all modules again takes longer than most files.
        test: { name: 'shared', include: ['tests/**/*.test.ts'], exclude: [...exclude, ...ISOLATED], isolate: false },
      },
      { extends: true, test: { name: 'isolated', include: ISOLATED, exclude } },
    ],
  },
})
