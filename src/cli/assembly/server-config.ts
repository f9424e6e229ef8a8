import type { Config } from '../../../config/options.ts'
import { memoryLimitBytes } from '../../../config/parsers.ts'
import type { ServerConfig } from '../../server/server-config.ts'
import { backendsConfig } from './backends.ts'

/** What the server is told of the options: all in its own units, nothing left to be looked up. */
export function serverConfig(config: Config, memoryBytes: number): Partial<ServerConfig> {
  return {
    bind: config.bind,
    frameMaxBytes: config.frameMaxBytes,
    initialFrameMaxBytes: config.initialFrameMaxBytes,
    channelMax: config.channelMax,
    connectionMax: config.connectionMax,
    channelMaxPerNode: config.channelMaxPerNode,
    consumerMaxPerChannel: config.consumerMaxPerChannel,
    consumerMax: config.consumerMax,
    unackedBytesMaxPerConnection: config.unackedBytesMaxPerConnection,
    unackedBytesMax: config.unackedBytesMax,
    vhostMax: config.vhostMax,
    queueMax: config.queueMax,
    exchangeMax: config.exchangeMax,
    bindingMax: config.bindingMax,
    heartbeatSec: config.heartbeatSec,
    handshakeTimeoutMs: config.handshakeTimeoutMs,
    sendTimeoutMs: config.sendTimeoutMs,
    consumerTimeoutMs: config.consumerTimeoutMs,
    maxMessageSizeBytes: config.maxMessageSizeBytes,
    defaultUser: config.defaultUser,
    defaultPass: config.defaultPass,
    defaultUserTags: config.defaultUserTags,
    defaultVhost: config.defaultVhost,
    defaultQueueType: config.defaultQueueType,
    loopbackUsers: config.loopbackUsers,
    ...logins(config),
    backends: backendsConfig(config),
    passwordHashing: config.passwordHashing,
    passwordLengthMin: config.passwordLengthMin,
    passwordPattern: config.passwordPattern,
    loginFailuresMax: config.loginFailuresMax,
    loginSocketsMax: config.loginSocketsMax,
    loginSocketsPerAddressMax: config.loginSocketsPerAddressMax,
    eventLoopDelayLimitMs: config.eventLoopDelayLimitMs,
    storeDelayLimitMs: config.storeDelayLimitMs,
    memoryLimitBytes: memoryLimitBytes(config.memoryLimit, memoryBytes),
    shutdownGraceMs: config.shutdownGraceSec * 1000,
  }
}

function logins({ anonymousLoginUser, allowAnonymous, authMechanisms, ...config }: Config): Partial<ServerConfig> {
  // RabbitMQ: this name stands for no user at all.
  const isAnonymous = anonymousLoginUser !== 'none'
  return {
    allowAnonymous: allowAnonymous && isAnonymous,
    anonymousLoginUser: isAnonymous ? anonymousLoginUser : undefined,
    authMechanisms: isAnonymous ? authMechanisms : authMechanisms.filter((name) => name !== 'ANONYMOUS'),
    sslCertLoginFrom: config.sslCertLoginFrom,
    sslCertLoginSanType: config.sslCertLoginSanType,
    sslCertLoginSanIndex: config.sslCertLoginSanIndex,
  }
}
