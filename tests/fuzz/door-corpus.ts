// What was kept of attacks on the doors in front of AMQP: bytes in hexadecimal, named by the door (tls-, ws-, proxy-) and by what
// is wrong with them. An input that has found a fault is added here.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, 'corpus')

export type Door = 'tls' | 'ws' | 'proxy'

export interface DoorInput {
  readonly name: string
  readonly door: Door
  readonly bytes: Buffer
}

export function doorCorpus(): DoorInput[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.hex'))
    .sort()
    .map((file) => {
      const text = readFileSync(join(FOLDER, file), 'latin1').replaceAll(/\s/g, '')
      return {
        name: file.slice(0, -4),
        door: file.slice(0, file.indexOf('-')) as Door,
        bytes: Buffer.from(text, 'hex'),
      }
    })
}
