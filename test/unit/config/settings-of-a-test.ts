import assert from 'node:assert/strict'
import type { Config, ConfigProblem } from '../../../src/config/config.ts'
import { readConfig } from '../../../src/config/read-config.ts'
import type { ReadFile } from '../../../src/config/read-policy.ts'
import type { Environment } from '../../../src/config/settings.ts'

export const TENANT = 'abcdefab-2222-3333-4444-555555555555'
export const CLIENT = '66666666-7777-8888-9999-000000000000'
/** Of a storage account that does not exist. */
export const CONNECTION =
  'DefaultEndpointsProtocol=https;AccountName=streconnect;AccountKey=a2V5;EndpointSuffix=core.windows.net'
/** What has no default. */
export const MINIMAL: Environment = {
  ENTRA_TENANT_ID: TENANT,
  ENTRA_AUDIENCE: `api://${CLIENT}`,
  AzureWebJobsStorage: CONNECTION,
}

const noFiles: ReadFile = () => undefined

export function configOf(env: Environment, readFile = noFiles, appRoot = '/app'): Config {
  const config = readConfig({ ...MINIMAL, ...env }, readFile, { appRoot })
  assert.ok(config.ok, JSON.stringify(config))
  return config.value
}

export function problemsOf(env: Environment, readFile = noFiles, appRoot = '/app'): readonly ConfigProblem[] {
  const config = readConfig({ ...MINIMAL, ...env }, readFile, { appRoot })
  return config.ok ? [] : config.error
}

export const namesOf = (problems: readonly ConfigProblem[]): string[] => problems.map(({ name }) => name)
