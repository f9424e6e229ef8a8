// Compiles the package in both module forms: dist/ for `import`, dist/cjs/ for runners that know `require` alone. It is
// no TypeScript because it runs before there is a compiler.
//
//   node build.mjs               compiles what has changed
//   node build.mjs --if-possible does nothing where the compiler is not installed
//   node build.mjs --for-start   the same, but fails when nothing was ever built
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = import.meta.dirname
const compiler = join(root, 'node_modules/typescript/bin/tsc')
const [mode] = process.argv.slice(2)

if (existsSync(compiler) || mode === undefined) process.exitCode = build()
else if (mode === '--for-start' && !existsSync(join(root, 'dist/src/cli/main.js'))) {
  process.stderr.write('leveret is not built, and the compiler is not installed: run `npm ci` first\n')
  process.exitCode = 1
}

function build() {
  for (const form of ['dist', 'dist/cjs']) {
    for (const folder of ['src', 'protocol', 'storage', 'config']) removeOrphans(folder, join(root, form, folder))
  }
  mkdirSync(join(root, 'dist/cjs'), { recursive: true })
  // Without it the files below would count as ES modules, like all the rest of the package.
  const form = join(root, 'dist/cjs/package.json')
  if (!existsSync(form)) writeFileSync(form, '{ "type": "commonjs" }\n')
  const projects = ['tsconfig.build.json', 'tsconfig.cjs.json'].map((name) => join(root, name))
  return spawnSync(process.execPath, [compiler, '--build', ...projects], { stdio: 'inherit' }).status ?? 1
}

/** What was compiled from a source that is not there any more would be packed. */
function removeOrphans(source, compiled) {
  if (!existsSync(compiled)) return
  for (const name of readdirSync(compiled, { recursive: true })) {
    const original = join(root, source, name.replace(/\.(js|d\.ts|d\.ts\.map)$/, '.ts'))
    if (!existsSync(original)) rmSync(join(compiled, name), { recursive: true, force: true })
  }
}
