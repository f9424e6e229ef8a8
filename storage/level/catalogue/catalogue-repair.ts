/**
 * Opens a catalogue, and puts a damaged one right as far as that is possible: a copy is kept in the quarantine, LevelDB
 * salvages its tables, and what cannot be salvaged starts empty, to be filled again from the log.
 */
import { copyFile, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { platform } from 'node:os'
import { basename, join } from 'node:path'
import { isDamage } from '../disk/damage.ts'
import { ifMissing, makeFolder, syncFolder } from '../disk/files.ts'
import type { ReadProgress } from '../disk/read-progress.ts'
import { Catalogue } from './catalogue.ts'
import { CheckedTables, forgetCheckedTables } from './checked-tables.ts'
import { levelDb } from './leveldb.ts'
import { damagedTables, damageInLevelFiles } from './leveldb-files.ts'
import { CURRENT_NAME, impossibleNames, isLogName, isTableName } from './leveldb-names.ts'

/** In the quarantine, while a repair is not done. */
const UNFINISHED = 'unfinished-repair'
/** LevelDB has only a few codes, and words. */
const CORRUPTION = /corruption|missing files|no such file|found no files/i

export interface OpenedCatalogue {
  readonly catalogue: Catalogue
  /** What had to be done to open it, one sentence each. */
  readonly problems: readonly string[]
  /** To be told when it is closed. */
  readonly tables?: CheckedTables
}

export interface OpenCatalogueOptions {
  readonly progress?: ReadProgress
  /** Looks at every table, also at those that were as they should be before. */
  readonly checksAll?: boolean
}

/**
 * To be called by the one process that has the folder. Damage never keeps the catalogue from opening; throws what LevelDB
 * says when the disk fails. When there are problems, the catalogue may have lost anything, and `repairDone` is to be
 * called once the log has told it again.
 */
export async function openCatalogue(
  folder: string,
  quarantine: string,
  { progress, checksAll = false }: OpenCatalogueOptions = {},
): Promise<OpenedCatalogue> {
  const moved = await moveImpossibleFiles(folder, quarantine)
  // Without its file CURRENT, LevelDB would take the folder for a new one and delete the rest.
  if (await isHeadless(folder))
    return await repairCatalogue(folder, quarantine, [...moved, `its file ${CURRENT_NAME} is missing`].join(', '))
  const checkedTables = checksAll ? undefined : await CheckedTables.read(folder)
  const found = await damageInLevelFiles(folder, { progress, tables: checkedTables })
  const damage = [...moved, ...found.problems]
  if (found.tables.length > 0) return await repairCatalogue(folder, quarantine, damage.join(', '))
  const unfinished = moved.length > 0 ? undefined : await unfinishedRepair(quarantine)
  if (found.problems.length > 0) await repairBegins(folder, quarantine, damage.join(', '))
  // LevelDB may end the process over a table that was not checked: the next process is to know that this one tried.
  await checkedTables?.begin(found.known, found.checked)
  try {
    // What is damaged of its log LevelDB leaves out, without a word.
    const catalogue = await Catalogue.open(folder)
    const again = unfinished === undefined ? [] : [`${unfinished}; that was not put right before`]
    const problems = [...damage, ...again].map((text) => `the catalogue was damaged: ${text}`)
    return { catalogue, problems, ...(checkedTables !== undefined && { tables: checkedTables }) }
  } catch (error) {
    await checkedTables?.end()
    const reason = reasonOf(error)
    if (!(await isDamageOf(folder, reason))) throw error
    return await repairCatalogue(folder, quarantine, [...damage, reason].join(', '))
  }
}

/** Puts aside what LevelDB would end the process over; what was found, one clause each. */
async function moveImpossibleFiles(folder: string, quarantine: string): Promise<string[]> {
  const names = await impossibleNames(folder)
  const problems = names.map((name) => `its file ${name} has a number that LevelDB never gives`)
  if (names.length > 0) await repairBegins(folder, quarantine, problems.join(', '))
  for (const name of names) await rename(join(folder, name), await freePlace(quarantine, name))
  return problems
}

/** Says that what the catalogue has lost is in it again. */
export async function repairDone(quarantine: string): Promise<void> {
  await rm(join(quarantine, UNFINISHED), { force: true })
}

/** A catalogue that is repaired looks whole: until it is, a note says that it is not. */
async function repairBegins(folder: string, quarantine: string, reason: string): Promise<void> {
  if ((await unfinishedRepair(quarantine)) === undefined) await keepCopy(folder, quarantine)
  await writeFile(join(quarantine, UNFINISHED), reason, { flush: true })
  await syncFolder(quarantine)
}

function unfinishedRepair(quarantine: string): Promise<string | undefined> {
  return readFile(join(quarantine, UNFINISHED), 'utf8').catch(ifMissing)
}

async function isHeadless(folder: string): Promise<boolean> {
  const names = await namesIn(folder)
  return !names.includes(CURRENT_NAME) && names.some((name) => isTableName(name) || isLogName(name))
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch {
    return []
  }
}

async function isDamageOf(folder: string, reason: string): Promise<boolean> {
  if (/corruption/i.test(reason)) return true
  if (!/no such file/i.test(reason)) return false
  return (await namesIn(folder)).length > 0
}

/**
 * For a catalogue that is not open and that cannot be read. As it was, it goes into the quarantine. Throws what the system
 * says when it has no room, no descriptors or no permission: then nothing is lost, and the next start tries again.
 */
export async function repairCatalogue(folder: string, quarantine: string, reason: string): Promise<OpenedCatalogue> {
  await repairBegins(folder, quarantine, reason)
  await forgetCheckedTables(folder)
  try {
    for (const name of await damagedTables(folder)) await rm(join(folder, name))
    await (await levelDb()).repair(folder)
    // What it could not use; the copy has that too.
    await rm(join(folder, 'lost'), { recursive: true, force: true })
    return { catalogue: await Catalogue.open(folder), problems: [`the catalogue was damaged: ${reason}`] }
  } catch (error) {
    if (!isCorruption(error)) throw error
    await rm(folder, { recursive: true })
    const problem = `the catalogue was damaged beyond repair: ${reason}; what it alone had is lost`
    return { catalogue: await Catalogue.open(folder), problems: [problem] }
  }
}

/** LevelDB says that what it has is damaged, or that a part of it is missing. */
export function isCorruption(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && String(at.code).startsWith('LEVEL_') && CORRUPTION.test(reasonOf(at))) return true
  }
  return false
}

/**
 * What the disk cannot give back any more is not copied; the rest is. The copy survives a power loss: what is repaired next is
 * not what it was.
 */
async function keepCopy(folder: string, quarantine: string): Promise<void> {
  const place = await freePlace(quarantine, basename(folder))
  try {
    await makeFolder(place)
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isFile()) await copyReadable(join(folder, entry.name), join(place, entry.name))
    }
    await syncFolder(place)
  } catch (error) {
    // A part of it is of no use, and every start would leave another one.
    await rm(place, { recursive: true, force: true })
    throw error
  }
}

async function copyReadable(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to)
  } catch (error) {
    if (!isDamage(error)) throw error
    return
  }
  // It has the rights of the original, which may be there to be read only. Windows syncs only what is open for writing.
  const copy = await open(to, platform() === 'win32' ? 'r+' : 'r')
  try {
    await copy.sync()
  } finally {
    await copy.close()
  }
}

/** What LevelDB itself said: the innermost of the errors. */
export function reasonOf(error: unknown): string {
  let innermost = error
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause
  return innermost instanceof Error ? innermost.message : String(innermost)
}

/** A path in the quarantine that nothing has yet: `name`, `name-2` … */
export async function freePlace(quarantine: string, name: string): Promise<string> {
  await makeFolder(quarantine)
  const taken = new Set(await readdir(quarantine))
  let place = name
  for (let next = 2; taken.has(place); next++) place = `${name}-${next}`
  return join(quarantine, place)
}
