/**
 * Several backends, in order. RabbitMQ: `auth_backends`. The first that lets a client in decides who it is; the backends beside it, if
 * there are any, must know that user, too, and decide what it may do: each of them must allow it.
 */
import type { Answer, AuthorizedUser, Permission } from '../../broker/authorizer.ts'
import type { ResourceKind } from '../../broker/errors.ts'
import { isLoopback } from '../../lib/address-key.ts'
import type { Admission, Authenticator, Credentials, Refusal, User, Verdict } from '../authenticator.ts'
import type { Backend } from './backend.ts'

export interface ChainLink {
  readonly authentication: Backend
  /** Empty when the same backend decides both. */
  readonly authorization: readonly Backend[]
}

export interface BackendChainOptions {
  readonly links: readonly ChainLink[]
  readonly loopbackUsers: readonly string[]
  /** What clients that give no name become; without one, they are refused. */
  readonly anonymousUser?: string | undefined
}

/** Where the client comes from was looked at when it logged in. */
const SEEN_BEFORE = '127.0.0.1'

/** A user, as one of the backends that decide about it knows it. */
interface Part {
  readonly backend: Backend
  readonly user: User
}

export class BackendChain implements Authenticator, Backend {
  readonly name = 'several'
  readonly answersTtlMs?: number
  readonly #options: BackendChainOptions
  readonly #loopbackUsers: ReadonlySet<string>
  /** Who decides about each user that was let in. */
  readonly #parts = new WeakMap<AuthorizedUser, readonly Part[]>()
  /** Who let it in, and as whom. */
  readonly #origins = new WeakMap<AuthorizedUser, Part & { readonly link: ChainLink }>()

  constructor(options: BackendChainOptions) {
    this.#options = options
    this.#loopbackUsers = new Set(options.loopbackUsers)
    const ttls = options.links.flatMap(({ authentication, authorization }) =>
      (authorization.length === 0 ? [authentication] : authorization).flatMap(({ answersTtlMs }) => answersTtlMs ?? []),
    )
    if (ttls.length > 0) this.answersTtlMs = Math.min(...ttls)
  }

  authenticate(credentials: Credentials, peerAddress: string): Promise<Verdict> {
    // RabbitMQ refuses every log-in with a blank password.
    if (credentials.password.length === 0)
      return Promise.resolve({ refusal: `user '${credentials.name}' - invalid credentials` })
    return this.#first(peerAddress, (backend) => backend.authenticate(credentials, peerAddress))
  }

  token(token: Buffer, peerAddress: string): Promise<Verdict> {
    return this.#first(
      peerAddress,
      (backend) => backend.token?.(token, peerAddress) ?? { refusal: 'no backend takes tokens' },
    )
  }

  external(name: string, peerAddress: string): Promise<Verdict> {
    return this.#first(peerAddress, (backend) => backend.known(name, peerAddress))
  }

  known(name: string, peerAddress: string): Promise<Verdict> {
    return this.external(name, peerAddress)
  }

  anonymous(peerAddress: string): Promise<Verdict> | Verdict {
    const { anonymousUser } = this.#options
    if (anonymousUser === undefined) return { refusal: 'anonymous login is not allowed' }
    return this.external(anonymousUser, peerAddress)
  }

  async renew(user: User, secret: Buffer): Promise<Verdict> {
    const origin = this.#origins.get(user)
    if (origin === undefined) return { refusal: 'the user is not known' }
    const { backend, link } = origin
    if (backend.renew === undefined) return { user }
    const verdict = await backend.renew(origin.user, secret)
    return 'refusal' in verdict ? verdict : await this.#admit(link, verdict, SEEN_BEFORE)
  }

  successor(user: User, before: User, now: User): User | undefined {
    const origin = this.#origins.get(user)
    const parts = this.#parts.get(user)
    if (origin === undefined || parts === undefined) return undefined
    if (origin.user !== before && !parts.some((part) => part.user === before)) return undefined
    const ofNow = (part: User): User => (part === before ? now : part)
    return this.#admitted(
      origin.link,
      ofNow(origin.user),
      parts.map((part) => ({ ...part, user: ofNow(part.user) })),
    )
  }

  vhostAccess(user: AuthorizedUser, vhost: string, peerAddress: string): Answer {
    return this.#allow(user, ({ backend, user }) => backend.vhostAccess(user, vhost, peerAddress))
  }

  resource(user: AuthorizedUser, vhost: string, kind: ResourceKind, name: string, permission: Permission): Answer {
    return this.#allow(user, ({ backend, user }) => backend.resource(user, vhost, kind, name, permission))
  }

  topic(user: AuthorizedUser, vhost: string, exchange: string, key: string, permission: 'write' | 'read'): Answer {
    return this.#allow(user, ({ backend, user }) => backend.topic(user, vhost, exchange, key, permission))
  }

  owns(user: AuthorizedUser): boolean {
    return this.#parts.has(user) || this.#partsOfOwner(user).length > 0
  }

  close(): void {
    for (const { authentication, authorization } of this.#options.links)
      for (const backend of [authentication, ...authorization]) backend.close?.()
  }

  /** What the first backend says that lets the client in; else the last refusal. */
  async #first(peerAddress: string, ask: (backend: Backend) => Promise<Verdict> | Verdict): Promise<Verdict> {
    let refusal: Refusal = { refusal: 'no backend was asked' }
    let isBusy = false
    for (const link of this.#options.links) {
      const authenticate = (): Promise<Verdict> => settled(() => ask(link.authentication))
      const verdict = await authenticate()
      const admitted = 'user' in verdict ? await this.#admit(link, verdict, peerAddress, authenticate) : verdict
      if ('user' in admitted) return this.#refuseFromAfar(admitted, peerAddress)
      refusal = admitted
      isBusy ||= admitted.isBusy === true
    }
    // One that could not answer may have let the client in.
    return { ...refusal, isBusy }
  }

  /** `authenticate` asks the backend once more that has let the user in. */
  async #admit(
    link: ChainLink,
    admission: Admission,
    peerAddress: string,
    authenticate?: () => Promise<Verdict>,
  ): Promise<Verdict> {
    const { authentication, authorization } = link
    const { user, expiresInMs } = admission
    if (authorization.length === 0) {
      return { user: this.#admitted(link, user, [{ backend: authentication, user }]), expiresInMs }
    }
    const parts = new Map<Backend, User>()
    const refusal = await this.#refusal(authorization, user.name, peerAddress, parts)
    if (refusal !== undefined) return refusal
    let latest = admission
    if (authorization.some(({ isAtHand }) => isAtHand !== true)) {
      // What is known at hand may have changed while others were asked.
      if (authentication.isAtHand === true && authenticate !== undefined) {
        const verdict = await authenticate()
        if ('refusal' in verdict) return verdict
        latest = verdict
      }
      const atHand = authorization.filter(({ isAtHand }) => isAtHand)
      const laterRefusal = await this.#refusal(atHand, user.name, peerAddress, parts)
      if (laterRefusal !== undefined) return laterRefusal
    }
    const known = Array.from(parts, ([backend, part]) => ({ backend, user: part }))
    return { user: this.#admitted(link, latest.user, known), expiresInMs }
  }

  /** Of the first of the backends that does not know the user; as whom the others do goes into `parts`. */
  async #refusal(
    backends: readonly Backend[],
    name: string,
    peerAddress: string,
    parts: Map<Backend, User>,
  ): Promise<Refusal | undefined> {
    for (const backend of backends) {
      const verdict = await settled(() => backend.known(name, peerAddress))
      if ('refusal' in verdict) return verdict
      parts.set(backend, verdict.user)
    }
    return undefined
  }

  /** The user that these make together. */
  #admitted(link: ChainLink, user: User, parts: readonly Part[]): User {
    const { authentication, authorization } = link
    const tags = new Set([user, ...parts.map((part) => part.user)].flatMap((part) => part.tags))
    const admitted = authorization.length === 0 ? user : { name: user.name, tags: [...tags] }
    this.#parts.set(admitted, parts)
    this.#origins.set(admitted, { backend: authentication, user, link })
    return admitted
  }

  #refuseFromAfar(admission: Admission, peerAddress: string): Verdict {
    const { name } = admission.user
    if (!this.#loopbackUsers.has(name) || isLoopback(peerAddress)) return admission
    return { refusal: `user '${name}' can only connect via localhost` }
  }

  /** Whether all who decide about the user say yes. */
  #allow(user: AuthorizedUser, ask: (part: Part) => Answer): Answer {
    const parts = this.#parts.get(user) ?? this.#partsOfOwner(user)
    if (parts.length === 0) return false
    const [first, ...others] = parts
    if (others.length === 0) return ask(first as Part) // it is there
    return this.#allowAll(parts, ask)
  }

  /** A user whose tags have changed is another object, which no backend has let in. */
  #partsOfOwner(user: AuthorizedUser): readonly Part[] {
    const link = this.#options.links.find(({ authentication, authorization }) => {
      return authorization.length === 0 && authentication.owns?.(user) === true
    })
    if (link === undefined) return []
    const parts = [{ backend: link.authentication, user }]
    this.#parts.set(user, parts)
    return parts
  }

  async #allowAll(parts: readonly Part[], ask: (part: Part) => Answer): Promise<boolean> {
    for (const part of parts) if ((await ask(part)) !== true) return false
    return true
  }
}

/** A backend that fails lets no client in. */
async function settled(ask: () => Promise<Verdict> | Verdict): Promise<Verdict> {
  try {
    return await ask()
  } catch (error) {
    return { refusal: `the backend failed: ${error instanceof Error ? error.message : String(error)}`, isBusy: true }
  }
}
