// The shape of the project, checked by reading the sources. Biome looks after what is inside a file (length of functions,
// types); this test looks after how the files hang together.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const SOURCE_FOLDERS = ['protocol', 'storage', 'config', 'src']
const FILE_LINES_MAX = 400
const CIRCLE_FILES_MAX = 4

/** A delivery is bytes of a record, so the file that writes it to a socket reads the record where it lies. */
const RECORD_FILES = ['storage/journal.ts', 'storage/segment.ts']
/** Names, those of users and virtual hosts, too, are as long as a short string may be. */
const NAMES_FILE = 'protocol/short-string.ts'
/** The response of SASL AMQPLAIN is a field table. */
const AMQPLAIN_FILES = ['protocol/field-table.ts', 'protocol/reader.ts']

/** A client that was let in, as the protocols get it. */
const ARRIVAL_FILE = 'src/listeners/arrival.ts'

/** What the public in-process API speaks of. The management API sees nothing else of the model. */
const API_FILES = [
  'src/broker/authorizer.ts',
  'src/broker/errors.ts',
  'src/broker/clients/channel-counts.ts',
  'src/broker/parameters/global-parameters.ts',
  'src/broker/statistics/broker-stats.ts',
]

/** Who may import whom: layers by name, or single files. A layer may always import itself. */
const LAYERS: readonly {
  readonly name: string
  readonly path: RegExp
  readonly mayImport: readonly string[] | 'all'
}[] = [
  { name: 'protocol', path: /^protocol\//, mayImport: ['lib'] },
  { name: 'storage', path: /^storage\//, mayImport: ['lib'] },
  { name: 'config', path: /^config\//, mayImport: ['lib', NAMES_FILE] },
  { name: 'lib', path: /^src\/lib\//, mayImport: [] },
  { name: 'broker', path: /^src\/broker\//, mayImport: ['lib', 'storage', 'protocol'] },
  {
    name: 'auth',
    path: /^src\/auth\//,
    mayImport: ['lib', 'storage', 'src/broker/authorizer.ts', 'src/broker/errors.ts', NAMES_FILE, ...AMQPLAIN_FILES],
  },
  { name: 'listeners', path: /^src\/listeners\//, mayImport: ['lib'] },
  {
    name: 'amqp',
    path: /^src\/amqp\//,
    mayImport: ['broker', 'auth', 'lib', 'protocol', ARRIVAL_FILE, ...RECORD_FILES],
  },
  { name: 'http', path: /^src\/http\//, mayImport: ['embedded', 'auth', 'lib', 'protocol', ...API_FILES] },
  { name: 'embedded', path: /^src\/embedded\//, mayImport: ['broker', 'auth', 'lib', 'storage', 'protocol'] },
  { name: 'perf', path: /^src\/perf\//, mayImport: ['lib', 'protocol'] },
  {
    name: 'server',
    path: /^src\/server\//,
    mayImport: ['amqp', 'auth', 'broker', 'config', 'embedded', 'http', 'lib', 'listeners', 'protocol', 'storage'],
  },
  { name: 'cli', path: /^src\/cli\//, mayImport: 'all' },
  { name: 'door', path: /^src\/[a-z-]+\.ts$/, mayImport: 'all' },
]

/** The rooms of the model, from the lowest to the highest: a room uses those above it in this list, never those below it. */
const ROOMS: readonly { readonly name: string; readonly path: RegExp }[] = [
  {
    name: 'basics',
    path: /^src\/broker\/(?:authorizer|errors|fields|names|record-fields|remembered-tables|session|shared-names|vhost-metadata)\.ts$/,
  },
  { name: 'access', path: /^src\/broker\/access\// },
  { name: 'scheduling', path: /^src\/broker\/scheduling\// },
  { name: 'statistics', path: /^src\/broker\/statistics\// },
  { name: 'clients', path: /^src\/broker\/clients\// },
  { name: 'limits', path: /^src\/broker\/limits\// },
  { name: 'parameters', path: /^src\/broker\/parameters\// },
  { name: 'memory', path: /^src\/broker\/memory\// },
  { name: 'messages', path: /^src\/broker\/messages\// },
  { name: 'dead-letters', path: /^src\/broker\/dead-letters\// },
  { name: 'queues', path: /^src\/broker\/queues\// },
  { name: 'exchanges', path: /^src\/broker\/exchanges\// },
  { name: 'policies', path: /^src\/broker\/policies\// },
  { name: 'routing', path: /^src\/broker\/routing\// },
  { name: 'publishing', path: /^src\/broker\/publishing\// },
  {
    name: 'roots',
    path: /^src\/broker\/(?:age-record|broker|durable-entities|going-vhosts|restored-entities|still-broker|vhost|vhost-counts|vhost-events|vhost-removal|vhost-tools)\.ts$/,
  },
  { name: 'operations', path: /^src\/broker\/operations\// },
]

/**
 * The rooms of the durable storage, and which of them each may use, for types too: the log would serve another catalogue,
 * and the catalogue another log. What makes a storage of them stands beside them and may use all but the last.
 */
const STORE_ROOMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['disk', []],
  ['log', ['disk']],
  ['catalogue', ['disk']],
  ['checkpoint', ['disk', 'log', 'catalogue']],
  ['recovery', ['disk', 'log', 'catalogue', 'checkpoint']],
  ['copy', ['disk', 'log', 'catalogue', 'recovery']],
  ['', ['disk', 'log', 'catalogue', 'checkpoint', 'recovery', 'copy']],
  ['offline', ['disk', 'log', 'catalogue', 'checkpoint', 'recovery', 'copy']],
])
const KNOWS_LEVELDB = /^storage\/level\/(?:catalogue|recovery|offline)\//

/** Narrower than its layer: the model knows properties and field tables, never frames and methods. */
const FRAME_FILES = /^protocol\/(?:frame-|method|basic-)/
/** The form of options is for programs that take them from a command line, and for what tells of them in that form. */
const CONFIG_READERS =
  /^(?:config\/|src\/cli\/|src\/server\/(?:config-checks|effective-config|listen-address|server|server-builder|server-config)\.ts$)/

/** Folders that are given the time, the network and the files. */
const WITHOUT_WORLD = /^(?:protocol|src\/broker|storage\/memory)\//
const WORLD =
  /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bset(?:Timeout|Interval)\(|['"]node:(?:net|tls|http|fs|dgram|timers)/

const TIME_OF_DAY = /\bDate\.now\b|\bnew Date\(\)/

interface Import {
  readonly from: string
  readonly to: string
  readonly isTypeOnly: boolean
}

function filesBelow(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return []
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => !file.includes('/.cache/'))
    .sort()
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

function importsOf(file: string, text: string): Import[] {
  const statement = /^(?:import|export)\b(?<type> type\b)?(?:[^'";=()]*?from)?\s*['"](?<target>\.[^'"]*)['"]/gm
  const dynamic = /\bimport\(\s*['"](?<target>\.[^'"]*)['"]/g
  const code = withoutComments(text)
  return [...code.matchAll(statement), ...code.matchAll(dynamic)].map(({ groups = {} }) => ({
    from: file,
    to: posix.join(posix.dirname(file), groups.target ?? ''),
    isTypeOnly: groups.type !== undefined,
  }))
}

function layerOf(file: string) {
  return LAYERS.find((layer) => layer.path.test(file))
}

function layerViolation({ from, to }: Import): string | undefined {
  const [source, target] = [layerOf(from), layerOf(to)]
  if (source === undefined || target === undefined) return `${from} imports ${to}: one is in no layer`
  if (source.name === 'broker' && FRAME_FILES.test(to)) return `${from} imports ${to}: the model knows no frames`
  if (target.name === 'config' && !CONFIG_READERS.test(from))
    return `${from} imports ${to}: only the server reads options`
  if (source.mayImport === 'all' || source === target) return undefined
  if (source.mayImport.includes(target.name) || source.mayImport.includes(to)) return undefined
  return `${from} imports ${to}: ${source.name} may not import ${target.name}`
}

function roomViolation({ from, to }: Import): string | undefined {
  if (!to.startsWith('src/broker/')) return undefined
  const [source, target] = [from, to].map((file) => ROOMS.findIndex(({ path }) => path.test(file)))
  if (source === undefined || target === undefined || source === -1 || target === -1)
    return `${from} imports ${to}: one is in no room`
  return target <= source ? undefined : `${from} imports ${to}: ${ROOMS[target]?.name} is a higher room`
}

function storeRoomViolation({ from, to }: Import): string | undefined {
  const [source, target] = [from, to].map((file) => /^storage\/level\/(?:([^/]+)\/)?/.exec(file))
  if (!source || !target) return undefined
  const [room, used] = [source[1] ?? '', target[1] ?? '']
  const mayUse = STORE_ROOMS.get(room)
  if (mayUse === undefined) return `${from} is in no room`
  return room === used || mayUse.includes(used) ? undefined : `${from} imports ${to}: ${room} may not use ${used}`
}

function cycles(imports: readonly Import[]): string[] {
  const next = new Map<string, string[]>()
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to])
  const finished = new Set<string>()
  const path: string[] = []
  const found: string[] = []
  const visit = (file: string): void => {
    if (finished.has(file)) return
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(' → '))
      return
    }
    path.push(file)
    for (const to of next.get(file) ?? []) visit(to)
    path.pop()
    finished.add(file)
  }
  for (const file of next.keys()) visit(file)
  return found
}

/** Groups of files that all depend on each other. */
function circles(imports: readonly Import[]): string[][] {
  const next = new Map<string, string[]>()
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to])
  const reachable = (start: string): Set<string> => {
    const found = new Set<string>()
    const pending = [start]
    for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
      for (const to of next.get(file) ?? []) if (!found.has(to) && found.add(to)) pending.push(to)
    }
    return found
  }
  const reach = new Map([...next.keys()].map((file) => [file, reachable(file)]))
  const inCircle = (file: string): string[] =>
    [...(reach.get(file) ?? [])].filter((other) => reach.get(other)?.has(file)).sort()
  const found = new Map([...next.keys()].map((file) => [inCircle(file).join(), inCircle(file)]))
  return [...found.values()].filter(({ length }) => length > 0)
}

const sources = SOURCE_FOLDERS.flatMap(filesBelow).map((file) => {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return { file, text, code: withoutComments(text), imports: importsOf(file, text) }
})
const imports = sources.flatMap((source) => source.imports)
const otherFiles = ['tests', 'benchmarks', 'examples'].flatMap(filesBelow)

function filesWith(pattern: RegExp): string[] {
  return sources.filter(({ code }) => pattern.test(code)).map(({ file }) => file)
}

describe('the sources', () => {
  test('import only what their layer may import', () => {
    expect(imports.map(layerViolation).filter((one) => one !== undefined)).toEqual([])
  })

  test('import only files that exist', () => {
    const known = new Set(sources.map(({ file }) => file))
    expect(imports.filter(({ to }) => !known.has(to))).toEqual([])
  })

  test('of the model use lower rooms only', () => {
    const ofModel = imports.filter(({ from }) => from.startsWith('src/broker/'))
    expect(ofModel.map(roomViolation).filter((violation) => violation !== undefined)).toEqual([])
  })

  test('of the durable storage use only the rooms they may', () => {
    expect(imports.map(storeRoomViolation).filter((violation) => violation !== undefined)).toEqual([])
    const withLevelDb = filesWith(/['"]classic-level['"]/)
    expect(withLevelDb).toContain('storage/level/catalogue/catalogue.ts')
    expect(withLevelDb.filter((file) => !KNOWS_LEVELDB.test(file))).toEqual([])
  })

  test('have no import cycles', () => {
    expect(cycles(imports.filter((one) => !one.isTypeOnly))).toEqual([])
  })

  test(`depend on each other in circles of at most ${CIRCLE_FILES_MAX} files, imports of types included`, () => {
    expect(circles(imports).filter(({ length }) => length > CIRCLE_FILES_MAX)).toEqual([])
  })

  test('have no default exports and no `export *`', () => {
    expect(filesWith(/^export (?:default\b|\*)/m)).toEqual([])
  })

  test('know no clock, network or files where they are given them', () => {
    expect(filesWith(WORLD).filter((file) => WITHOUT_WORLD.test(file))).toEqual([])
  })

  test('ask for the time of day in one place', () => {
    expect(filesWith(TIME_OF_DAY)).toEqual(['src/lib/clock.ts'])
  })
})

describe('every file', () => {
  test('is named in kebab-case', () => {
    const names = [...sources.map(({ file }) => file), ...otherFiles]
    expect(names.filter((file) => !/^[a-z0-9-]+(?:\.(?:test|config|d))?\.ts$/.test(basename(file)))).toEqual([])
  })

  test(`has at most ${FILE_LINES_MAX} lines`, () => {
    const long = [...sources.map(({ file }) => file), ...otherFiles].filter(
      (file) => readFileSync(join(ROOT, file), 'utf8').trimEnd().split('\n').length > FILE_LINES_MAX,
    )
    expect(long).toEqual([])
  })
})

describe('this test', () => {
  const imported = (text: string): string[] => importsOf('src/amqp/channel.ts', text).map(({ to }) => to)

  test('sees every form of import', () => {
    expect(imported("import { a } from './a.ts'\nimport type {\n  B,\n} from '../b.ts'")).toEqual([
      'src/amqp/a.ts',
      'src/b.ts',
    ])
    expect(imported("import './a.ts'\nexport { b } from './b.ts'\nawait import('./c.ts')")).toEqual([
      'src/amqp/a.ts',
      'src/amqp/b.ts',
      'src/amqp/c.ts',
    ])
    expect(imported("// import { a } from './a.ts'\nimport { pino } from 'pino'")).toEqual([])
  })

  test('sees a broken layer', () => {
    const violation = (from: string, to: string) => layerViolation({ from, to, isTypeOnly: true })
    expect(violation('src/broker/queues/queue.ts', 'src/amqp/channel.ts')).toContain('broker may not import amqp')
    expect(violation('src/broker/queues/queue.ts', 'protocol/frame-scanner.ts')).toContain('no frames')
    expect(violation('src/amqp/connections.ts', 'config/options.ts')).toContain('only the server')
    expect(violation('src/auth/users.ts', 'src/broker/queues/queue.ts')).toContain('auth may not import broker')
    expect(violation('src/auth/users.ts', 'src/broker/errors.ts')).toBeUndefined()
    expect(violation('src/server/server.ts', 'src/cli/main.ts')).toContain('server may not import cli')
    expect(violation('src/amqp/channel.ts', 'src/broker/vhost.ts')).toBeUndefined()
  })

  test('sees a higher room', () => {
    const violation = (from: string, to: string) => roomViolation({ from, to, isTypeOnly: false })
    expect(violation('src/broker/queues/queue.ts', 'src/broker/vhost.ts')).toContain('roots is a higher room')
    expect(violation('src/broker/queues/queue.ts', 'src/broker/cellar/barrel.ts')).toContain('in no room')
    expect(violation('src/broker/vhost.ts', 'src/broker/queues/queue.ts')).toBeUndefined()
  })

  test('sees a room of the durable storage that uses another one it may not', () => {
    const violation = (from: string, to: string) =>
      storeRoomViolation({ from: `storage/level/${from}`, to: `storage/level/${to}`, isTypeOnly: true })
    expect(violation('log/journal.ts', 'catalogue/catalogue.ts')).toContain('log may not use catalogue')
    expect(violation('log/journal.ts', 'level-storage.ts')).toContain('may not use')
    expect(violation('level-storage.ts', 'offline/backup.ts')).toContain('may not use offline')
    expect(violation('cellar/barrel.ts', 'disk/files.ts')).toContain('in no room')
    expect(violation('checkpoint/checkpoint.ts', 'log/journal.ts')).toBeUndefined()
    expect(
      storeRoomViolation({ from: 'src/cli/store/check.ts', to: 'storage/level/x.ts', isTypeOnly: true }),
    ).toBeUndefined()
  })

  test('sees a cycle', () => {
    const edge = (from: string, to: string): Import => ({ from, to, isTypeOnly: false })
    expect(cycles([edge('a', 'b'), edge('b', 'c'), edge('c', 'b')])).toEqual(['b → c → b'])
    expect(cycles([edge('a', 'b'), edge('a', 'c'), edge('b', 'c')])).toEqual([])
  })

  test('sees circles, and all who are in them', () => {
    const edge = (from: string, to: string): Import => ({ from, to, isTypeOnly: true })
    const round = [edge('a', 'b'), edge('b', 'c'), edge('c', 'b'), edge('c', 'd'), edge('d', 'c'), edge('d', 'e')]
    expect(circles(round)).toEqual([['b', 'c', 'd']])
    expect(circles([edge('a', 'b'), edge('a', 'c'), edge('b', 'c')])).toEqual([])
    expect(circles([edge('a', 'b'), edge('b', 'a'), edge('x', 'y'), edge('y', 'x')])).toEqual([
      ['a', 'b'],
      ['x', 'y'],
    ])
  })
})
