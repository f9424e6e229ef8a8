/**
 * Opens a catalogue, and puts a damaged one right as far as that is possible: a copy is kept in the quarantine, LevelDB
 * salvages its tables, and what cannot be salvaged starts empty, to be filled again from the log.
 */
import { cp, link, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { Catalogue } from './catalogue.ts'
import { damagedTables } from './table-check.ts'

export interface OpenedCatalogue {
  readonly catalogue: Catalogue
  /** What had to be done to open it, one sentence each. */
  readonly problems: readonly string[]
}

/** Throws what LevelDB says when it is locked, or the disk fails; damage alone never keeps it from opening. */
export async function openCatalogue(folder: string, quarantine: string): Promise<OpenedCatalogue> {
  // Without its file CURRENT, LevelDB would take the folder for a new one and delete the rest.
  if (await isHeadless(folder)) return await repairCatalogue(folder, quarantine, 'its file CURRENT is missing')
  const damaged = await damagedTables(folder)
  if (damaged.length > 0) {
    // A table that somebody is writing looks the same.
    await requireUnused(folder)
    return await repairCatalogue(folder, quarantine, `${damaged.length} of its tables have wrong checksums`)
  }
  try {
    const catalogue = await Catalogue.open(folder)
    const droppedBytes = await droppedOnOpening(folder)
    if (droppedBytes === 0) return { catalogue, problems: [] }
    return { catalogue, problems: [`the catalogue was damaged: ${droppedBytes} bytes of its last changes are dropped`] }
  } catch (error) {
    const reason = reasonOf(error)
    if (!(await isDamage(folder, reason))) throw error
    return await repairCatalogue(folder, quarantine, reason)
  }
}

/** What LevelDB leaves out of its own log when it opens is told nowhere but in its file LOG, which starts anew each time. */
async function droppedOnOpening(folder: string): Promise<number> {
  const text = await readFile(join(folder, 'LOG'), 'utf8').catch(() => '')
  return [...text.matchAll(/dropping (\d+) bytes/g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0)
}

/** Throws what LevelDB says when somebody has the catalogue open: the lock is taken in another folder, by a link. */
async function requireUnused(folder: string): Promise<void> {
  const place = `${folder}.lock`
  await mkdir(place, { recursive: true })
  try {
    await link(join(folder, 'LOCK'), join(place, 'LOCK')).catch(() => {}) // never opened: nobody has it
    const guard = new ClassicLevel(place)
    await guard.open()
    await guard.close()
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

async function isHeadless(folder: string): Promise<boolean> {
  const names = await namesIn(folder)
  return !names.includes('CURRENT') && names.some((name) => /^MANIFEST-|\.(?:ldb|log)$/.test(name))
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch {
    return []
  }
}

async function isDamage(folder: string, reason: string): Promise<boolean> {
  if (/corruption/i.test(reason)) return true
  if (!/no such file/i.test(reason)) return false
  return (await namesIn(folder)).length > 0
}

/** For a catalogue that is not open and that cannot be read. As it was, it goes into the quarantine. */
export async function repairCatalogue(folder: string, quarantine: string, reason: string): Promise<OpenedCatalogue> {
  await keepCopy(folder, quarantine)
  try {
    for (const name of await damagedTables(folder)) await rm(join(folder, name))
    await ClassicLevel.repair(folder)
    // What it could not use; the copy has that too.
    await rm(join(folder, 'lost'), { recursive: true, force: true })
    return { catalogue: await Catalogue.open(folder), problems: [`the catalogue was damaged: ${reason}`] }
  } catch {
    await rm(folder, { recursive: true })
    const problem = `the catalogue was damaged beyond repair: ${reason}; what it alone had is lost`
    return { catalogue: await Catalogue.open(folder), problems: [problem] }
  }
}

/** Copies a catalogue that nobody has open into the quarantine. */
export async function keepCopy(folder: string, quarantine: string): Promise<void> {
  await cp(folder, await freePlace(quarantine, basename(folder)), { recursive: true })
}

/** What LevelDB itself said: the innermost of the errors. */
export function reasonOf(error: unknown): string {
  let innermost = error
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause
  return innermost instanceof Error ? innermost.message : String(innermost)
}

/** A path in the quarantine that nothing has yet: `name`, `name-2` … */
export async function freePlace(quarantine: string, name: string): Promise<string> {
  await mkdir(quarantine, { recursive: true })
  const taken = new Set(await readdir(quarantine))
  let place = name
  for (let next = 2; taken.has(place); next++) place = `${name}-${next}`
  return join(quarantine, place)
}
