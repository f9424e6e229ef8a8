/**
 * Which properties of a message have to be known. It is made of AMQP's property flags, so that one look at the flags of a message
 * says whether it has any of them.
 */
import { PROPERTY_FLAGS } from '../../../protocol/properties.ts'

export type PropertySet = number

export const NO_NEEDS: PropertySet = 0

export function propertySet(...names: readonly (keyof typeof PROPERTY_FLAGS)[]): PropertySet {
  return names.reduce((set, name) => set | PROPERTY_FLAGS[name].flag, NO_NEEDS)
}
