/** The patterns of permissions, and RabbitMQ's checks of them. */
import { compileExpanded, compilePattern, type NamePattern, quotePattern } from '../../lib/name-pattern.ts'
import { refuse } from '../errors.ts'

const EVERYTHING: NamePattern = { test: () => true }
/** RabbitMQ: an empty pattern stands for `^$`. */
const NOTHING: NamePattern = { test: (name) => name === '' }
/** For what cannot be read: it must not allow more than it did. */
export const NO_NAME: NamePattern = { test: () => false }

/** The matcher of a permission. Throws BrokerError for what is no regular expression. */
export function permissionPattern(pattern: string): NamePattern {
  return compiled(pattern, () => compilePattern(pattern))
}

/** The matcher of a topic permission for one user in one virtual host. Throws BrokerError like `permissionPattern`. */
export function topicPattern(pattern: string, user: string, vhost: string): NamePattern {
  permissionPattern(pattern)
  const expanded = expandPattern(pattern, { username: user, vhost })
  return compiled(expanded, () => compileExpanded(expanded))
}

function compiled(pattern: string, compile: () => NamePattern): NamePattern {
  if (pattern === '') return NOTHING
  if (pattern === '.*') return EVERYTHING
  try {
    return compile()
  } catch (error) {
    throw refuse.invalidPattern(pattern, error instanceof Error ? error.message : String(error))
  }
}

/**
 * Fills in `{username}` and `{vhost}`. They stand for these very texts: nothing in them is part of the pattern. A bracket behind a
 * backslash is one, and begins no variable.
 */
function expandPattern(pattern: string, variables: Readonly<Record<'username' | 'vhost', string>>): string {
  return pattern.replace(/\\[\s\S]|\{(username|vhost)\}/g, (found, name: 'username' | 'vhost' | undefined) =>
    name === undefined ? found : quotePattern(variables[name]),
  )
}
