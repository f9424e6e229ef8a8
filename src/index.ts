/** The door of `leveret`: a broker to run inside a program. */

export type { PlainTable, PlainValue } from '../protocol/field-table-plain.ts'
export { MemoryStorage } from '../storage/memory/memory-storage.ts'
export type { Storage } from '../storage/storage.ts'
export type { Authenticator, Credentials, User, Verdict } from './auth/authenticator.ts'
export type {
  BackendLinkConfig,
  BackendsConfig,
  CacheConfig,
  HttpBackendConfig,
  OAuth2Config,
  TokenIssuerConfig,
} from './auth/backends/backends-config.ts'
export { UserList, type UserListOptions } from './auth/user-list.ts'
export type { PermissionPatterns, TopicPatterns } from './broker/access/permission-list.ts'
export type { Answer, AuthorizedUser, Authorizer, Permission } from './broker/authorizer.ts'
export type { ChannelCounts } from './broker/clients/channel-counts.ts'
export type { ConnectionDetails } from './broker/clients/client-directory.ts'
export type { ChannelState, ConnectionState } from './broker/clients/client-info.ts'
export { BrokerError, type BrokerErrorKind, type ResourceKind } from './broker/errors.ts'
export type { UserLimitValues } from './broker/limits/user-limits.ts'
export type { VhostLimitValues } from './broker/limits/vhost-limits.ts'
export type { JsonValue } from './broker/parameters/global-parameters.ts'
export type { ApplyTo, PolicyDefinition } from './broker/policies/policy.ts'
export type { PolicyValue } from './broker/policies/policy-keys.ts'
export type { BrokerStats, MessageCounts } from './broker/statistics/broker-stats.ts'
export type {
  AckOptions,
  DeleteExchangeOptions,
  DeleteQueueOptions,
  GetOptions,
  MoveOptions,
  NackOptions,
  PeekOptions,
  RejectOptions,
} from './embedded/call-options.ts'
export type { ConsumeOptions, InProcessConsumer } from './embedded/consume-options.ts'
export type { ExchangeOptions, QueueOptions } from './embedded/declarations.ts'
export type { Settled } from './embedded/deliveries.ts'
export type { EmbeddedBroker } from './embedded/embedded-broker.ts'
export type { ChannelInfo, ConnectionInfo, EmbeddedClients } from './embedded/embedded-clients.ts'
export type { MessageHandler } from './embedded/embedded-consumer.ts'
export type { BindingDestination, BindingInfo, EmbeddedInventory } from './embedded/embedded-inventory.ts'
export type { EmbeddedUserLimits, EmbeddedVhostLimits } from './embedded/embedded-limits.ts'
export type { PublishResult } from './embedded/embedded-messages.ts'
export type { EmbeddedGlobalParameters } from './embedded/embedded-parameters.ts'
export type {
  EmbeddedPermissions,
  UserPermissions,
  UserTopicPermissions,
} from './embedded/embedded-permissions.ts'
export type { EmbeddedPolicies, PolicyInfo, PolicyOptions } from './embedded/embedded-policies.ts'
export type { EmbeddedStatistics, SampledCounter, ServerTotals } from './embedded/embedded-statistics.ts'
export type { ChangePasswordOptions, EmbeddedUsers, UserSettings } from './embedded/embedded-users.ts'
export type { AppliedPolicies, ConsumerInfo, ExchangeInfo, QueueCounts, QueueInfo } from './embedded/entities.ts'
export type { MessageProperties } from './embedded/message-properties.ts'
export type { NodeInfo } from './embedded/node-info.ts'
export type { AddressedMessage, OutgoingMessage } from './embedded/outgoing-message.ts'
export type { PeekedMessage, ReceivedMessage } from './embedded/received-message.ts'
export type { Sample } from './embedded/statistics/series.ts'
export {
  type AckOperation,
  ackOperation,
  type NackOperation,
  nackOperation,
  type PublishOperation,
  type PublishOperationOptions,
  publishOperation,
  type RejectOperation,
  rejectOperation,
  type TransactionOperation,
} from './embedded/transaction-operations.ts'
export type { TransactionState, TransactionStatistics, Transactions } from './embedded/transactions.ts'
export type { DefaultQueueType, VhostInfo, VhostOptions } from './embedded/vhost-options.ts'
export type { VirtualHosts } from './embedded/virtual-hosts.ts'
export type { ControlledProcess, ReloadReport } from './http/control-routes.ts'
export type { BackendName } from './lib/backend-names.ts'
export type { Logger } from './lib/logger.ts'
export type { ListenAddress, ListenOptions, ListenProtocol } from './listeners/listen-options.ts'
export type { TlsHost, TlsOptions, TlsVersion } from './listeners/tls-options.ts'
export type { ChangeableConfig } from './server/changeable-config.ts'
export type { ServerRecovery } from './server/recovery.ts'
export { Server } from './server/server.ts'
export { ServerBuilder } from './server/server-builder.ts'
export type { ServerConfig } from './server/server-config.ts'
export type { ServerHooks } from './server/server-hooks.ts'
export type {
  ControlOptions,
  HttpAddress,
  ManagementOptions,
  MetricsOptions,
  ServerHttp,
} from './server/server-http.ts'
export type { ServerState } from './server/server-life.ts'
export type { Health, ServerStats } from './server/status.ts'
