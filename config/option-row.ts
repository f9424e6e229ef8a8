// What a row of the table of options is made of.
import type { NumberSetting } from './number-settings.ts'
import { byteLimit, byteSize, countLimit, integer, type Parser } from './parsers.ts'

export const GROUPS = ['Network', 'TLS', 'HTTP', 'Limits', 'Users', 'Backends', 'Storage', 'Operation'] as const

interface OptionDetails {
  readonly group: (typeof GROUPS)[number]
  /** Variables of RabbitMQ that mean the same, asked after ours. */
  readonly environment?: readonly string[]
  /** Keys of rabbitmq.conf that mean the same, beside the one made from the row's name. */
  readonly fileKeys?: readonly string[]
  /** Shown as the default where the default value itself says too little. */
  readonly defaultText?: string
  /** Its value is never shown. */
  readonly isSecret?: boolean
  /** A flag that needs no value. */
  readonly isSwitch?: boolean
  /** Cannot be set in a config file. */
  readonly isOutsideFile?: boolean
}

export interface Option<T> extends OptionDetails {
  readonly defaultValue: T
  readonly parser: Parser<T>
  readonly doc: string
}

export function option<T>(defaultValue: NoInfer<T>, parser: Parser<T>, doc: string, details: OptionDetails): Option<T> {
  return { defaultValue, parser, doc, ...details }
}

/** A row for a setting in numbers. */
export function numberOption(setting: NumberSetting, doc: string, details: OptionDetails): Option<number> {
  return option(setting.default, integer(setting.min, setting.max), doc, details)
}

export function sizeOption(setting: NumberSetting, doc: string, details: OptionDetails): Option<number> {
  return option(setting.default, byteSize(setting.min, setting.max), doc, details)
}

/** A row for how many bytes there may be of something. */
export function bytesOption(setting: NumberSetting, doc: string): Option<number> {
  return option(setting.default, byteLimit(setting.min, setting.max), doc, { group: 'Limits', defaultText: 'infinity' })
}

/** A row for how many there may be of something. */
export function countOption(setting: NumberSetting, doc: string, fileKeys: readonly string[] = []): Option<number> {
  return option(setting.default, countLimit(setting.min, setting.max), doc, {
    group: 'Limits',
    defaultText: 'infinity',
    ...(fileKeys.length === 0 ? {} : { fileKeys }),
  })
}
