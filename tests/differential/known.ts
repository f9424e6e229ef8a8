// Differences that are known, and why they are as they are. The other side is RabbitMQ 3.10; where 4.2 does otherwise, Leveret
// does as 4.2.
import { callsOf, type Step } from './step.ts'

/** What was different: the lines of both brokers in one step, evened out. */
export interface Seen {
  /** Undefined for what is looked at behind the last step. */
  readonly step: Step | undefined
  readonly rabbitmq: string
  readonly leveret: string
  readonly steps: readonly Step[]
}

export interface Known {
  /** `4.2`: RabbitMQ 3.10 alone does so. `meant`: Leveret's own choice. `chance`: RabbitMQ does sometimes this, sometimes that. */
  readonly because: '4.2' | 'meant' | 'chance'
  readonly reason: string
  readonly explains: (seen: Seen) => boolean
}

/** Of the properties of a message. */
const HEADERS_FLAG = 0x2000

/** Texts that say the same in two ways. */
export interface Evened {
  readonly reason: string
  readonly pattern: RegExp
  readonly replacement: string | ((match: string, ...groups: string[]) => string)
  /** Only in such sequences. */
  readonly isIn?: (steps: readonly Step[]) => boolean
}

const calls = (steps: readonly Step[], method: string): boolean =>
  steps.some((step) => callsOf(step).some((one) => one.method === method))
const hasReplyConsumer = (steps: readonly Step[]): boolean =>
  steps.some((step) => callsOf(step).some(({ args }) => args?.queue === 'amq.rabbitmq.reply-to'))

export const EVENED: readonly Evened[] = [
  {
    reason: 'RabbitMQ 4.x names the permission that is missing',
    pattern: /\b(?:configure|write|read) access to (?=queue|exchange|topic)/g,
    replacement: 'access to ',
  },
  { reason: 'RabbitMQ breaks long terms into lines', pattern: /,\n +/g, replacement: ',' },
  {
    reason: 'RabbitMQ 4.2 treats a missing x-queue-type as classic',
    pattern:
      /(inequivalent arg 'x-queue-type'.*?received )(?:the value )?('\w*')(?: of type '\w+')? but current is (?:none|'classic')/g,
    replacement: '$1$2 but current is classic',
  },
  {
    reason: 'the other way round: RabbitMQ 4.2 treats a missing x-queue-type as classic',
    pattern:
      /(inequivalent arg 'x-queue-type'.*?received )(?:none|'classic') but current is (?:the value )?('\w+')(?: of type '\w+')?/g,
    replacement: "$1'classic' but current is $2",
  },
  {
    reason: 'RabbitMQ 3.10 says to basic.get that a message of a quorum queue never came back, too',
    pattern: /(headers=\{[^\n]*?) ?x-delivery-count=l:0( ?)/g,
    replacement: (_match, others = '', space = '') => (others.endsWith('{') ? others : `${others}${space}`),
  },
  {
    reason: 'no headers beside that, or none at all',
    pattern: /\[([0-9a-f]+)([^\n{]*?) headers=\{\}/g,
    replacement: (_match, flags = '', others = '') =>
      `[${(Number.parseInt(flags, 16) & ~HEADERS_FLAG).toString(16)}${others}`,
    isIn: (steps) => hasQuorumQueue(steps),
  },
  { reason: 'when a message died', pattern: /\btime=T:\d+/g, replacement: 'time=T' },
  {
    reason: 'RabbitMQ 3.13 and later tell of the last death, too',
    pattern: / ?x-last-death-(?:exchange|queue|reason)=[^ }]*/g,
    replacement: '',
  },
  {
    reason: 'RabbitMQ 4.x leaves the header CC in a dead letter whose queue gives it a key',
    pattern: /CC=A:\[[^\]]*\] (?=[^\n]*x-death)/g,
    replacement: '',
  },
  {
    reason: 'RabbitMQ gives a reply the next delivery tag and does not use it up; here no tag comes twice',
    pattern: / tag=\d+/g,
    replacement: '',
    isIn: hasReplyConsumer,
  },
]

const hasMalformed = (step: Step | undefined, ...names: readonly string[]): boolean =>
  step?.kind === 'malformed' && names.includes(step.name)
const isHeld = (steps: readonly Step[]): boolean => steps.some(({ kind }) => kind === 'hold')
/** The lines without what was delivered, and confirmed. */
const withoutDeliveries = (lines: string): string =>
  lines
    .split('\n')
    .filter((line) => !/^\S+: (?:to |acked |nacked )/.test(line))
    .join('\n')

const hasQuorumQueue = (steps: readonly Step[]): boolean =>
  steps.some((step) => callsOf(step).some(({ args }) => JSON.stringify(args?.arguments ?? {}).includes('"quorum"')))
const hasHighPriority = (steps: readonly Step[]): boolean =>
  steps.some((step) => callsOf(step).some(({ content }) => Number(content?.properties?.priority ?? 0) > 4))
const LATER_ARGUMENT = /(?:invalid|inequivalent) arg 'x-(?:consumer-timeout|delayed-retry-\w+)'/

const hasDeadLetters = (steps: readonly Step[]): boolean => JSON.stringify(steps).includes('x-dead-letter-exchange')
/** Without what says which came first. */
const linesInAnyOrder = (lines: string): string =>
  lines
    .replace(/ (?:tag|messageCount)=\d+/g, '')
    .split('\n')
    .sort()
    .join('\n')

/** Where the lines differ, one has a message and the other its dead letter: of the two, another one came first, or was dropped. */
const areOtherCopies = (a: string, b: string): boolean => {
  const [mine, other] = [a.split('\n'), b.split('\n')]
  const body = (line = ''): string | undefined => /\] (m[\d.]+)/.exec(line)?.[1]
  return mine.every((line, at) => {
    const its = other[at]
    if (line === its) return true
    return body(line) !== undefined && body(line) === body(its) && line.includes('x-death') !== its?.includes('x-death')
  })
}

const hasLengthLimit = (steps: readonly Step[]): boolean =>
  steps.some((step) => callsOf(step).some(({ args }) => /x-max-length/.test(JSON.stringify(args?.arguments ?? {}))))

/** As many lines, and those that differ have a message each. */
const haveOtherMessages = (a: string, b: string): boolean => {
  const [mine, other] = [a.split('\n'), b.split('\n')]
  const hasMessage = (line = ''): boolean => /basic\.(?:get-ok|deliver) /.test(line)
  return (
    mine.length === other.length &&
    mine.every((line, at) => line === other[at] || (hasMessage(line) && hasMessage(other[at])))
  )
}

export const KNOWN: readonly Known[] = [
  {
    because: '4.2',
    reason: 'a passive declaration needs a permission',
    explains: ({ step, leveret }) =>
      leveret.includes("refused for user 'limited'") && callsOf(step).some(({ args }) => args?.passive === true),
  },
  {
    because: '4.2',
    reason: 'an unknown exchange type is refused with 406, not 503',
    explains: ({ rabbitmq }) => /COMMAND_INVALID - (?:invalid|unknown) exchange type/.test(rabbitmq),
  },
  {
    because: '4.2',
    reason: 'an unknown x-queue-type is refused with 406, not 541',
    explains: ({ rabbitmq, leveret }) =>
      rabbitmq.includes('INTERNAL_ERROR') && leveret.includes("invalid arg 'x-queue-type'"),
  },
  {
    because: '4.2',
    reason: 'no queue knows x-cancel-on-ha-failover any more, so that a quorum queue takes it like any other',
    explains: ({ rabbitmq }) => rabbitmq.includes("invalid arg 'x-cancel-on-ha-failover'"),
  },
  {
    because: '4.2',
    reason: 'classic queues have x-queue-leader-locator',
    explains: ({ rabbitmq, leveret }) =>
      /invalid arg 'x-queue-leader-locator'.* of queue type rabbit_classic_queue/.test(rabbitmq) ||
      (leveret.includes("inequivalent arg 'x-queue-leader-locator'") && rabbitmq.includes('declare-ok')),
  },
  {
    because: '4.2',
    reason: 'x-delivery-limit has to be a whole number',
    explains: ({ rabbitmq, leveret }) =>
      leveret.includes("invalid arg 'x-delivery-limit'") && !rabbitmq.includes("invalid arg 'x-delivery-limit'"),
  },
  {
    because: '4.2',
    reason: 'priorities above 4 are high in a quorum queue',
    explains: ({ rabbitmq, leveret, steps }) =>
      hasQuorumQueue(steps) && hasHighPriority(steps) && haveOtherMessages(rabbitmq, leveret),
  },
  {
    because: '4.2',
    reason: 'x-consumer-timeout and x-delayed-retry-* came later: they are checked, and compared',
    explains: ({ rabbitmq, leveret }) => LATER_ARGUMENT.test(leveret) && !LATER_ARGUMENT.test(rabbitmq),
  },
  {
    because: 'meant',
    reason: 'classic queues have a delivery limit, too',
    explains: ({ rabbitmq, leveret }) =>
      /invalid arg 'x-delivery-limit'.* of queue type rabbit_classic_queue/.test(rabbitmq) &&
      !leveret.includes('rabbit_classic_queue'),
  },
  {
    because: 'meant',
    reason: 'an exclusive consumer is exclusive in a quorum queue, too',
    explains: ({ rabbitmq, leveret, steps }) =>
      hasQuorumQueue(steps) && leveret.includes('in exclusive use') && !rabbitmq.includes('in exclusive use'),
  },
  {
    because: 'meant',
    reason: 'a message that was fetched from a quorum queue counts as no consumer',
    explains: ({ rabbitmq, leveret, steps }) =>
      hasQuorumQueue(steps) &&
      calls(steps, 'basic.get') &&
      rabbitmq.replace(/consumerCount=\d+/g, '') === leveret.replace(/consumerCount=\d+/g, ''),
  },
  {
    because: 'chance',
    reason: 'what a quorum queue had sent to a channel when that began to close',
    explains: ({ rabbitmq, leveret, steps }) =>
      hasQuorumQueue(steps) && isHeld(steps) && withoutDeliveries(rabbitmq) === withoutDeliveries(leveret),
  },
  {
    because: '4.2',
    reason: 'CC and expiration are looked at before the user of a message',
    explains: ({ rabbitmq, leveret }) =>
      rabbitmq.includes('user_id property') && /unacceptable_type_in_header|invalid expiration/.test(leveret),
  },
  {
    because: '4.2',
    reason: 'any delivery mode is taken',
    explains: ({ rabbitmq }) => rabbitmq.includes('delivery_mode_unknown'),
  },
  {
    because: '4.2',
    reason: 'a refused tune-ok is answered with 530, not with a closed socket',
    explains: ({ step, leveret }) => step?.kind === 'handshake' && leveret.includes('NOT_ALLOWED - negotiated'),
  },
  {
    because: '4.2',
    reason: 'replies wait for tx.commit',
    explains: ({ rabbitmq, leveret, steps }) =>
      calls(steps, 'tx.select') && rabbitmq.includes('reply-to.#') && !leveret.includes('reply-to.#'),
  },
  {
    because: '4.2',
    reason: 'the address of a consumer of replies counts as a route',
    explains: ({ rabbitmq, leveret }) =>
      /basic\.return .*routingKey=amq\.rabbitmq\.reply-to\.#/.test(rabbitmq) && !leveret.includes('basic.return'),
  },
  {
    because: '4.2',
    reason: 'texts about a body that is too large, and about one that is longer than announced',
    explains: ({ step }) =>
      hasMalformed(step, 'publish, body too long', 'publish, second body too long', 'publish, body of size 0') ||
      hasMalformed(step, 'publish, size 600 MiB', 'publish, size 2^64-1'),
  },
  {
    because: 'meant',
    reason: 'what cannot be read is refused with a code where RabbitMQ cuts the connection',
    explains: ({ step, rabbitmq, leveret }) =>
      step?.kind === 'malformed' && rabbitmq.includes('the broker closed the socket') && /replyCode=50\d/.test(leveret),
  },
  {
    because: 'meant',
    reason: 'a wrong method during the log-in is refused with 504 where RabbitMQ says nothing for a while',
    explains: ({ step, rabbitmq, leveret }) =>
      step?.kind === 'handshake' &&
      !rabbitmq.includes('connection.close') &&
      /CHANNEL_ERROR|UNEXPECTED_FRAME/.test(leveret),
  },
  {
    because: 'meant',
    reason: 'on a channel that is closing nothing is looked at; RabbitMQ looks for the queue that was declared last',
    explains: ({ rabbitmq, leveret, steps }) =>
      isHeld(steps) &&
      rabbitmq.includes('no previously declared queue') &&
      !leveret.includes('no previously declared queue'),
  },
  {
    because: 'meant',
    reason:
      'on a channel that is closing no frame is looked at; RabbitMQ still puts contents together and finds them wrong',
    explains: ({ rabbitmq, leveret, steps }) =>
      isHeld(steps) && /UNEXPECTED_FRAME|FRAME_ERROR/.test(rabbitmq) && !leveret.includes('connection.close'),
  },
  {
    because: 'chance',
    reason: 'what is on its way to a channel that a call in the same write ends',
    explains: ({ step, rabbitmq, leveret }) =>
      callsOf(step).length > 1 &&
      /(?:channel|connection)\.close /.test(rabbitmq) &&
      withoutDeliveries(rabbitmq) === withoutDeliveries(leveret),
  },
  {
    because: 'chance',
    reason:
      'of a message and of a dead letter that comes of it or of one before, either comes first: queues of RabbitMQ act by themselves',
    explains: ({ rabbitmq, leveret, steps }) =>
      hasDeadLetters(steps) &&
      (linesInAnyOrder(rabbitmq) === linesInAnyOrder(leveret) || areOtherCopies(rabbitmq, leveret)),
  },
  {
    because: 'chance',
    reason: 'the one of the two that came first is what a queue with a limit drops',
    explains: ({ rabbitmq, leveret, steps }) =>
      hasDeadLetters(steps) && hasLengthLimit(steps) && haveOtherMessages(rabbitmq, leveret),
  },
  {
    because: 'meant',
    reason: 'what a channel has fetched is ready again once it is closed, not once its close-ok has come',
    explains: ({ step, steps }) => step === undefined && isHeld(steps) && calls(steps, 'basic.get'),
  },
]
