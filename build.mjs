// Compiles the package in both module forms: dist/ for `import`, dist/cjs/ for runners that know `require` alone. It is
// no TypeScript because it runs before there is a compiler.
//
//   node build.mjs               compiles what has changed
//   node build.mjs --if-possible does nothing where the compiler is not installed
//   node build.mjs --for-start   the same, but fails when nothing was ever built
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const compiler = at('node_modules/typescript/bin/tsc')
const [mode] = process.argv.slice(2)

if (existsSync(compiler) || mode === undefined) process.exitCode = build()
else if (mode === '--for-start' && !existsSync(at('dist/src/cli/main.js'))) {
  console.error('There is no dist/ and no compiler to make it. Run `npm ci` and `npm prune --omit=dev`, then `npm start`.')
  process.exitCode = 1
}

function build() {
  mkdirSync(at('dist/cjs'), { recursive: true })
  // Without it the files below would count as ES modules, like all the rest of the package.
  writeFileSync(at('dist/cjs/package.json'), '{ "type": "commonjs" }\n')
  const projects = [at('tsconfig.build.json'), at('tsconfig.cjs.json')]
  return spawnSync(process.execPath, [compiler, '--build', ...projects], { stdio: 'inherit' }).status ?? 1
}
