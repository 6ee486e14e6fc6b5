import { app } from '@azure/functions'
import { loadQueuePrefix } from './config/storage-prefix.ts'
import { QUEUE_FUNCTIONS, ROUTES } from './functions/routes.ts'
import { readApplication, warmUp } from './warm-up.ts'

for (const { name, route, methods } of ROUTES) {
  app.http(name, {
    route,
    methods: [...methods],
    authLevel: 'anonymous',
    // Read with the first request, or a moment after registration: registering costs no more than the table.
    handler: async (request, context) => (await readApplication()).handle(name, request, context),
  })
}

const prefix = loadQueuePrefix()
for (const { name, queueName } of QUEUE_FUNCTIONS) {
  app.storageQueue(name, {
    queueName: `${prefix}${queueName}`,
    // The name of the setting, or the beginning of the names where an identity is used: the host's own storage.
    connection: 'AzureWebJobsStorage',
    handler: async (message, context) => (await readApplication()).handleMessage(name, message, context),
  })
}

warmUp()
