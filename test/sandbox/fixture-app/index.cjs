const { app } = require('@azure/functions')
const { setTimeout: delay } = require('node:timers/promises')

app.hook.appStart((context) => console.log(`appStart hook, hookData ${typeof context.hookData}`))
app.hook.appTerminate(() => console.log('appTerminate hook'))
app.hook.preInvocation((context) => {
  context.hookData.before = true
  if (context.invocationContext.functionName === 'hooked') context.inputs[0] = 'replaced'
})
app.hook.postInvocation((context) => {
  if (context.invocationContext.functionName === 'hooked')
    context.result = { jsonBody: { ...context.result.jsonBody, seen: context.hookData.before } }
})

async function echo(request, context) {
  context.log(`echo ${request.method}`)
  return {
    jsonBody: {
      method: request.method,
      url: request.url,
      params: request.params,
      query: Object.fromEntries(request.query),
      headers: Object.fromEntries(request.headers),
      hasBody: request.body !== null,
      body: Buffer.from(await request.arrayBuffer()).toString('base64'),
      functionName: context.functionName,
      traceParent: context.traceContext.traceParent,
    },
  }
}

app.http('echo', { methods: ['GET', 'POST'], authLevel: 'anonymous', route: 'Echo/{first}/{second?}', handler: echo })
app.http('b-any', { methods: ['GET'], authLevel: 'anonymous', route: 'order/{any}', handler: echo })
app.http('a-exact', { methods: ['GET'], authLevel: 'anonymous', route: 'order/exact', handler: echo })
app.http('z-exact', { methods: ['GET'], authLevel: 'anonymous', route: 'order/hidden', handler: echo })
app.http('rest', { methods: ['GET'], authLevel: 'anonymous', route: 'rest/{*path}', handler: echo })
app.get('default-route', { authLevel: 'anonymous', handler: echo })
app.http('hooked', { methods: ['GET'], authLevel: 'anonymous', handler: (input) => ({ jsonBody: { input } }) })
app.http('environment', { methods: ['GET'], authLevel: 'anonymous', handler: () => ({ jsonBody: { ...process.env } }) })
app.http('fails', {
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: () => {
    throw new Error('broken on purpose')
  },
})
app.http('nothing', { methods: ['GET'], authLevel: 'anonymous', handler: () => undefined })
app.http('crash', { methods: ['POST'], authLevel: 'anonymous', handler: () => process.exit(3) })
app.http('slow', {
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request, context) => {
    context.log('slow begins')
    await delay(Number(request.query.get('ms')))
    context.warn('slow ends')
    return { status: 200, body: 'late' }
  },
})
app.http('answers', {
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: () => ({
    status: 418,
    headers: { 'cache-control': 'private', 'x-own': 'yes' },
    cookies: [{ name: 'id', value: 'a b', httpOnly: true, sameSite: 'Strict', maxAge: 60 }],
    body: Buffer.from([0xff, 0x00, 0x01]),
  }),
})
