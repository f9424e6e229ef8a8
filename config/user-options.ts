// Rows of the table of options: what a new store begins with, who is let in and how, and what passwords have to be.
import { SHORTSTR_BYTES_MAX } from '../protocol/short-string.ts'
import { MECHANISM_NAMES, type MechanismName } from '../src/lib/mechanism-names.ts'
import { NUMBER_SETTINGS } from './number-settings.ts'
import { numberOption, option } from './option-row.ts'
import { boolean, choice, choices, nameList, text } from './parsers.ts'

export const USER_OPTIONS = {
  defaultUser: option(
    'guest',
    text(SHORTSTR_BYTES_MAX),
    'user that a new store begins with, who may do everything in the default virtual host',
    {
      group: 'Users',
      environment: ['RABBITMQ_DEFAULT_USER'],
    },
  ),
  defaultPass: option('guest', text(1024), 'password of that user', {
    group: 'Users',
    environment: ['RABBITMQ_DEFAULT_PASS'],
    isSecret: true,
  }),
  defaultUserTags: option<readonly string[]>(
    ['administrator'],
    nameList(),
    'tags of that user: what of the management API is open to it',
    { group: 'Users', defaultText: 'administrator' },
  ),
  defaultVhost: option('/', text(SHORTSTR_BYTES_MAX), 'virtual host that a new store begins with', {
    group: 'Users',
    environment: ['RABBITMQ_DEFAULT_VHOST'],
  }),
  defaultQueueType: option(
    'classic',
    choice({ classic: 'classic', quorum: 'quorum', ...rabbitQueueTypes() }, 'one of classic, quorum'),
    'type of durable queues that are declared without one, in virtual hosts that are made from now on without one of their own',
    { group: 'Users' },
  ),
  loopbackUsers: option<readonly string[]>(['guest'], nameList(), 'users who may connect from this machine only', {
    group: 'Users',
    defaultText: 'guest',
  }),
  allowAnonymous: option(false, boolean(), 'let clients in without a user (SASL ANONYMOUS, as the default user)', {
    group: 'Users',
    isSwitch: true,
  }),
  anonymousLoginUser: option<string | undefined>(
    undefined,
    text(SHORTSTR_BYTES_MAX),
    'user that clients without one become, where they are let in',
    { group: 'Users', defaultText: 'the default user' },
  ),
  authMechanisms: option<readonly MechanismName[]>(
    ['PLAIN', 'AMQPLAIN'],
    choices(MECHANISM_NAMES),
    'SASL mechanisms to offer, best first; EXTERNAL is offered to clients with a certificate',
    { group: 'Users', defaultText: 'PLAIN,AMQPLAIN' },
  ),
  sslCertLoginFrom: option(
    'distinguished_name',
    choice(
      {
        distinguished_name: 'distinguished_name',
        common_name: 'common_name',
        subject_alternative_name: 'subject_alternative_name',
        subject_alt_name: 'subject_alternative_name',
      },
      'one of distinguished_name, common_name, subject_alternative_name',
    ),
    'what of its certificate names the user of a client (SASL EXTERNAL)',
    { group: 'Users' },
  ),
  sslCertLoginSanType: option(
    'dns',
    choice({ dns: 'dns', ip: 'ip', email: 'email', uri: 'uri' }),
    'kind of the subject alternative name that names the user',
    { group: 'Users' },
  ),
  sslCertLoginSanIndex: numberOption(
    NUMBER_SETTINGS.sslCertLoginSanIndex,
    'which of the names of that kind it is, from 0',
    { group: 'Users' },
  ),
  passwordHashing: option(
    'scrypt',
    choice(
      { scrypt: 'scrypt', sha256: 'sha256', sha512: 'sha512', ...rabbitPasswordHashing() },
      'one of scrypt, sha256, sha512',
    ),
    'what new passwords are hashed with; RabbitMQ can read sha256 and sha512',
    { group: 'Users', fileKeys: ['password_hashing_module'] },
  ),
  passwordLengthMin: numberOption(NUMBER_SETTINGS.passwordLengthMin, 'bytes that a new password has at least', {
    group: 'Users',
    fileKeys: ['credential_validator.min_length'],
  }),
  passwordPattern: option<string | undefined>(
    undefined,
    text(1024),
    'regular expression (RE2) that every new password has to match',
    { group: 'Users', fileKeys: ['credential_validator.regexp'], defaultText: 'none' },
  ),
} as const

function rabbitPasswordHashing() {
  return { rabbit_password_hashing_sha256: 'sha256', rabbit_password_hashing_sha512: 'sha512' } as const
}

function rabbitQueueTypes() {
  return { rabbit_classic_queue: 'classic', rabbit_quorum_queue: 'quorum' } as const
}
