import { app } from '@azure/functions'
import { ROUTES } from './functions/routes.ts'
import { warmUp } from './warm-up.ts'

for (const { name, route, methods } of ROUTES) {
  app.http(name, {
    route,
    methods: [...methods],
    authLevel: 'anonymous',
    // Read with the first request, or by the warm-up: registering costs no more than the table.
    handler: async (request, context) => (await import('./functions/handle.ts')).handle(name, request, context),
  })
}

warmUp()
