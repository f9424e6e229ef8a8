import { randomFillSync } from 'node:crypto'
import { closeSync, fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

// The program that the broker is measured against: writes and syncs, over and over, and does nothing else. Arguments: a
// file that does not exist yet, and bytes per write. Each line of the input is a turn: `append SECONDS` (the file grows
// with each write, as a log does) or `overwrite SECONDS` (into space that it has already, which saves the file system its
// own bookkeeping). Each turn is answered with a line of JSON.

const APPENDED_BYTES_MAX = 1024 * 1024 * 1024
const OVERWRITTEN_BYTES = 64 * 1024 * 1024

const [path = '', bytesText] = process.argv.slice(2)
const batch = randomFillSync(Buffer.alloc(Number(bytesText)))
const appended = openSync(`${path}-appended`, 'w')
const overwritten = openSync(`${path}-overwritten`, 'w')
const spaceBytes = Math.max(batch.length, OVERWRITTEN_BYTES)
for (let at = 0; at < spaceBytes; at += batch.length) writeSync(overwritten, batch, 0, batch.length, at)
fdatasyncSync(overwritten)

for await (const line of createInterface({ input: process.stdin })) {
  const [kind, seconds] = line.split(' ')
  const syncsPerSecond = kind === 'append' ? append(Number(seconds)) : overwrite(Number(seconds))
  console.log(JSON.stringify({ syncsPerSecond }))
}
closeSync(appended)
closeSync(overwritten)

function append(seconds: number): number {
  ftruncateSync(appended)
  fdatasyncSync(appended)
  return syncsPerSecond(appended, APPENDED_BYTES_MAX, seconds)
}

function overwrite(seconds: number): number {
  return syncsPerSecond(overwritten, spaceBytes, seconds)
}

function syncsPerSecond(file: number, bytesMax: number, seconds: number): number {
  let syncs = 0
  let at = 0
  const startedAtMs = performance.now()
  while (performance.now() - startedAtMs < seconds * 1000) {
    if (at + batch.length > bytesMax) at = 0
    writeSync(file, batch, 0, batch.length, at)
    fdatasyncSync(file)
    at += batch.length
    syncs++
  }
  return syncs / ((performance.now() - startedAtMs) / 1000)
}
