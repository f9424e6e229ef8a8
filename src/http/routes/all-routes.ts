/** Every endpoint there is. The first that fits a path counts: those with names come before those with parameters. */
import { leveretVersion } from '../../lib/version.ts'
import { json } from '../answers.ts'
import { openApiDocument } from '../openapi/document.ts'
import { endpoint, type Route } from '../route.ts'
import { AUTH_ROUTES } from './auth-routes.ts'
import { BINDING_ROUTES } from './binding-routes.ts'
import { CLIENT_ROUTES } from './client-routes.ts'
import { CONSUMER_ROUTES } from './consumer-routes.ts'
import { DEFINITION_ROUTES } from './definition-routes.ts'
import { EVENT_ROUTES } from './event-routes.ts'
import { EXCHANGE_ROUTES } from './exchange-routes.ts'
import { HEALTH_ROUTES } from './health-routes.ts'
import { MESSAGE_ROUTES } from './message-routes.ts'
import { POLICY_ROUTES } from './policy-routes.ts'
import { QUEUE_ROUTES } from './queue-routes.ts'
import { SERVER_ROUTES } from './server-routes.ts'
import { USER_ROUTES } from './user-routes.ts'
import { VHOST_ROUTES } from './vhost-routes.ts'

/** Made when it is asked for, of what is below. */
const OPENAPI: Route = {
  path: '/openapi.json',
  methods: {
    GET: endpoint('nothing', ({ path }) =>
      json(openApiDocument(ROUTES, path.replace(/\/openapi\.json$/, ''), leveretVersion())),
    ),
  },
}

export const ROUTES: readonly Route[] = [
  OPENAPI,
  ...SERVER_ROUTES,
  ...AUTH_ROUTES,
  ...EVENT_ROUTES,
  ...HEALTH_ROUTES,
  ...QUEUE_ROUTES,
  ...EXCHANGE_ROUTES,
  ...BINDING_ROUTES,
  ...MESSAGE_ROUTES,
  ...CLIENT_ROUTES,
  ...CONSUMER_ROUTES,
  ...VHOST_ROUTES,
  ...USER_ROUTES,
  ...POLICY_ROUTES,
  ...DEFINITION_ROUTES,
]
