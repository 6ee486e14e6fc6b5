const { app } = require('@azure/functions')
const { setTimeout: delay } = require('node:timers/promises')

let running = 0
let most = 0

app.storageQueue('work', {
  queueName: 'work',
  connection: 'AzureWebJobsStorage',
  handler: async (message, context) => {
    running += 1
    most = Math.max(most, running)
    context.log(JSON.stringify({ message, metadata: context.triggerMetadata, most }))
    if (message.ms !== undefined) await delay(message.ms)
    running -= 1
    if (message.fail === true) throw new Error('broken on purpose')
    context.log(JSON.stringify({ done: message }))
  },
})
app.storageQueue('given-up', {
  queueName: 'work-poison',
  connection: 'AzureWebJobsStorage',
  handler: (message, context) => {
    context.log(JSON.stringify({ givenUp: message, dequeueCount: context.triggerMetadata.dequeueCount }))
    if (message?.stubborn === true) throw new Error('broken here too')
  },
})
app.http('ping', { methods: ['GET'], authLevel: 'anonymous', handler: () => ({ status: 204 }) })
