// RabbitMQ's management plugin and ours after the same declarations and the same traffic: every GET is made of both, and the status,
// the names and the types of all fields are compared. What differs is in `KNOWN_DIFFERENCES`, with the reason.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../../src/testing.ts'
import { KNOWN_DIFFERENCES, type KnownDifference } from './known-shapes.ts'
import { pathOf, REQUESTS } from './requests.ts'
import { compareShapes, type Shape, shapeOf } from './shape.ts'
import { ADMINISTRATOR, type Answer, Side, VHOST } from './side.ts'

const { LEVERET_DIFFERENTIAL_PORT, LEVERET_DIFFERENTIAL_MANAGEMENT_PORT } = process.env
const USERS = ['untagged', 'shaper', 'management', 'policymaker', 'monitoring', 'administrator']

let leveret: TestBroker
let sides: readonly [rabbitmq: Side, leveret: Side]
const explaining = new Set<KnownDifference>()

beforeAll(async () => {
  if (!(Number(LEVERET_DIFFERENTIAL_MANAGEMENT_PORT) > 0)) throw new Error('no RabbitMQ: run tests/differential/run')
  leveret = await startTestBroker({ passwordHashing: 'sha256' })
  const { port } = await leveret.server.http.listenManagement({ port: 0 })
  sides = [
    new Side(Number(LEVERET_DIFFERENTIAL_PORT), Number(LEVERET_DIFFERENTIAL_MANAGEMENT_PORT)),
    new Side(leveret.port, port),
  ]
  await Promise.all(sides.map((side) => side.setUp()))
  await Promise.all(sides.map((side) => side.sampled()))
})

afterAll(async () => {
  await Promise.all((sides ?? []).map((side) => side.stop()))
  await leveret?.stop()
})

function ask(request: string, user = ADMINISTRATOR): Promise<Answer[]> {
  return Promise.all(sides.map((side) => side.ask('GET', pathOf(request, side.given), undefined, user)))
}

function shapeAt({ given: { node } }: Side, answer: Answer | undefined): Shape {
  return shapeOf(answer?.body, { node, vhost: VHOST })
}

/** What is not explained of `differences`. */
function unexplained(request: string, differences: readonly string[]): string[] {
  return differences.filter((difference) => {
    const known = KNOWN_DIFFERENCES.filter(({ pattern }) => pattern.test(`${request} ${difference}`))
    for (const entry of known) explaining.add(entry)
    return known.length === 0
  })
}

function statusDifference(rabbitmq: Answer | undefined, ours: Answer | undefined): string[] {
  return rabbitmq?.status === ours?.status ? [] : [`answers ${ours?.status}, not ${rabbitmq?.status}`]
}

test.each(REQUESTS)('GET %s has the fields of RabbitMQ’s', async (request) => {
  const [rabbitmq, ours] = await ask(request)
  const differences =
    rabbitmq?.status === ours?.status
      ? compareShapes(shapeAt(sides[0], rabbitmq), shapeAt(sides[1], ours))
      : statusDifference(rabbitmq, ours)
  expect(unexplained(request, differences)).toEqual([])
})

test.each(USERS)('what %s may not see has RabbitMQ’s status', async (user) => {
  const differences: string[] = []
  for (const request of REQUESTS) {
    const [rabbitmq, ours] = await ask(request, user)
    const found = statusDifference(rabbitmq, ours).map((difference) => `${difference}, to ${user}`)
    differences.push(...unexplained(request, found).map((difference) => `${request} ${difference}`))
  }
  expect(differences).toEqual([])
})

test('no difference is explained that is not there', () => {
  const idle = KNOWN_DIFFERENCES.filter((entry) => !explaining.has(entry))
  expect(idle.map(({ pattern }) => String(pattern))).toEqual([])
})
