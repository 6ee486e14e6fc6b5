/** `npm run deploy:check`: what azd runs before it creates anything. Reads the policy and the azd environment; asks nothing of Azure. */
import { existsSync, readFileSync } from 'node:fs'
import { findDeploymentProblems } from './deployment-problems.ts'

const file = process.env['RECONNECT_BUILD_POLICY'] || 'policy.json'
const policy = existsSync(file) ? readFileSync(file, 'utf8') : undefined
const { errors, notes } = findDeploymentProblems({ file, policy, environment: process.env })
for (const note of notes) process.stderr.write(`note: ${note}\n`)
for (const error of errors) process.stderr.write(`error: ${error}\n`)
if (errors.length > 0) process.exitCode = 1
