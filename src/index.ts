import { app } from '@azure/functions'
import { ROUTES } from './functions/routes.ts'
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

warmUp()
