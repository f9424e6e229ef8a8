import { nearest } from '../../lib/nearest.ts'
import { correction } from '../correction.ts'
import { VALUE_FLAGS } from './ctl-command.ts'
import { VERBS } from './verbs/all-verbs.ts'

const ONE_NODE = 'Leveret is one node, which is not in a cluster'

/** Commands of rabbitmqctl that there are not, and what to do in their place. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ['stop_app', "'leveret ctl stop' stops the broker with its process"],
  ['start_app', "'leveret' starts the broker"],
  ['rotate_logs', "'leveret ctl reload' opens the log file again"],
  ['set_log_level', "change log_level in the config file, then run 'leveret ctl reload'"],
  ['node_health_check', "use 'leveret ctl check'"],
  ['report', "use 'leveret ctl status' and 'leveret ctl environment'"],
  ['trace_on', 'there is no message tracing'],
  ['trace_off', 'there is no message tracing'],
  ['eval', 'there is no Erlang'],
  ['enable_feature_flag', 'all feature flags are on'],
  ['reset', `${ONE_NODE}: stop it and remove its data folder to begin anew`],
  ['force_reset', `${ONE_NODE}: stop it and remove its data folder to begin anew`],
  ['join_cluster', ONE_NODE],
  ['forget_cluster_node', ONE_NODE],
])

/** What is wrong with the arguments of `leveret ctl`: yargs' complaint, or that there is no such command. */
export async function ctlMisuseText(complaint: string, args: readonly string[]): Promise<string> {
  const word = commandIn(args.slice(1))
  if (word === undefined) return `${complaint}${await correction(complaint, args)}`
  const verb = VERBS.find(({ name }) => name === word)
  if (verb === undefined) return noCommand(word)
  if (/^Not enough non-option arguments/.test(complaint))
    return `arguments are missing: leveret ctl ${verb.name} ${verb.args ?? ''}`
  return `${complaint}${await correction(complaint, args)}`
}

function noCommand(word: string): string {
  const instead = INSTEAD.get(word)
  if (instead !== undefined) return `there is no command ${word}: ${instead}`
  const meant = nearest(
    word,
    VERBS.map(({ name }) => name),
  )
  return `there is no command ${word}${meant === undefined ? '' : `; did you mean ${meant}?`}`
}

/** The first argument that is neither a flag nor the value of one. */
function commandIn(args: readonly string[]): string | undefined {
  return args.find((arg, at) => !arg.startsWith('-') && !VALUE_FLAGS.includes(args[at - 1] ?? ''))
}
