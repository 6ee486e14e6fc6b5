import { app } from '@azure/functions'
import { loadQueuePrefix } from './config/storage-prefix.ts'
import { QUEUE_FUNCTIONS, ROUTES } from './functions/routes.ts'
import { readApplication, warmUp } from './warm-up.ts'

for (const { name, route, methods } of ROUTES) {
  app.http(name, {
    route,
    methods: [...methods],
    authLevel: 'anonymous',
    // Loaded a moment after registration, or with the first request: registration itself needs only the table.
    handler: async (request, context) => (await readApplication()).handle(name, request, context),
  })
}

const prefix = loadQueuePrefix()
for (const { name, queueName } of QUEUE_FUNCTIONS) {
  app.storageQueue(name, {
    queueName: `${prefix}${queueName}`,
    // The host's own storage: the name of the setting, or the prefix of the settings' names if an identity is used.
    connection: 'AzureWebJobsStorage',
    handler: async (message, context) => (await readApplication()).handleMessage(name, message, context),
  })
}

warmUp()
