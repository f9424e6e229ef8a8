/** What a virtual host says of itself. */
export interface VhostMetadata {
  readonly description: string
  readonly tags: readonly string[]
  /** It is not deleted until this is taken back. */
  readonly isProtected: boolean
}

export const NO_METADATA: VhostMetadata = { description: '', tags: [], isProtected: false }
