const { app } = require('@azure/functions')
const { setTimeout: delay } = require('node:timers/promises')

let requests = 0

app.http('count', { methods: ['GET'], authLevel: 'anonymous', handler: () => ({ jsonBody: { requests: ++requests } }) })
app.http('never', { methods: ['GET'], authLevel: 'anonymous', handler: () => delay(60_000) })
app.http('brief', {
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: async (request) => {
    await delay(Number(request.query.get('ms')))
    return { status: 200 }
  },
})
