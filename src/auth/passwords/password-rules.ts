/** What an operator asks of new passwords. RabbitMQ: `credential_validator`. */
import { RE2JS } from 're2js'

const PATTERN_CHARACTERS_MAX = 1024

export interface PasswordRules {
  /** Bytes that a password has at least. */
  readonly lengthMin: number
  /** A regular expression in the syntax of RE2, found anywhere in the password unless it says where. */
  readonly pattern?: string | undefined
}

/** Throws RangeError when a password may not be, without saying what it is. */
export class PasswordRule {
  readonly #lengthMin: number
  readonly #pattern: RE2JS | undefined

  /** Throws Error that says what is wrong with the pattern. */
  constructor({ lengthMin, pattern }: PasswordRules) {
    this.#lengthMin = lengthMin
    if (pattern !== undefined && pattern.length > PATTERN_CHARACTERS_MAX)
      throw new RangeError(`the pattern of passwords has more than ${PATTERN_CHARACTERS_MAX} characters`)
    this.#pattern = pattern === undefined ? undefined : RE2JS.compile(pattern)
  }

  check(userName: string, password: string): void {
    if (typeof password !== 'string') throw new TypeError('the password must be a string')
    // RabbitMQ refuses every log-in with a blank password, so no user may have one.
    if (password === '')
      throw new RangeError(`user '${userName}' needs a password: no client can log in with an empty one`)
    if (Buffer.byteLength(password) < this.#lengthMin)
      throw new RangeError(`minimum required password length: ${this.#lengthMin}`)
    if (this.#pattern !== undefined && !this.#pattern.matcher(password).find())
      throw new RangeError(`the password of user '${userName}' does not match the pattern of passwords`)
  }
}
