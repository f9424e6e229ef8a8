import { once } from 'node:events'
import { parseBrokerUri } from '../../src/perf/broker-uri.ts'
import { login } from '../../src/perf/login.ts'
import { ATTACKS } from './attacks.ts'

// One attack, in a process of its own. Arguments: the broker's URI and the name of the attack. It says `ready` when all is
// prepared, begins with the first byte of its input, and says `done`.

const [uri = '', name = ''] = process.argv.slice(2)
const attack = ATTACKS[name]
if (attack === undefined) throw new Error(`there is no attack '${name}'`)
const broker = parseBrokerUri(uri)
const act = await attack(await login(broker, 65_536), broker)
console.log('ready')
await once(process.stdin, 'data')
await act()
console.log('done')
process.exit()
