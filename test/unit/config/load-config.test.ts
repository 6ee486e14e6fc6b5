import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { loadConfig, loadPolicySettings } from '../../../src/config/load-config.ts'
import { GROUP_ID } from '../domain/ids.ts'
import { MINIMAL } from './settings-of-a-test.ts'

const policyFor = (role: string): string => JSON.stringify({ grants: [{ principal: `role:${role}`, scope: GROUP_ID }] })

describe('loadConfig', () => {
  const folder = { before: process.cwd(), root: '', deep: '' }
  const environment = { ...process.env }

  before(() => {
    folder.root = mkdtempSync(join(tmpdir(), 'reconnect-config-'))
    folder.deep = join(folder.root, 'a', 'b')
    mkdirSync(folder.deep, { recursive: true })
    writeFileSync(join(folder.root, 'host.json'), '{}')
    writeFileSync(join(folder.root, 'policy.json'), policyFor('root'))
    writeFileSync(join(folder.deep, 'other.json'), policyFor('other'))
    process.chdir(folder.deep)
  })
  beforeEach(() => {
    for (const name of Object.keys(process.env))
      if (/^(?:ENTRA_|RECONNECT_|ARM_|AZURE_|WEBSITE_|IDENTITY_|MSI_|AzureWebJobs)/.test(name)) delete process.env[name]
    rmSync(join(folder.root, 'local.settings.json'), { force: true })
  })
  after(() => {
    process.chdir(folder.before)
    for (const name of Object.keys(process.env)) delete process.env[name]
    Object.assign(process.env, environment)
    rmSync(folder.root, { recursive: true })
  })

  it('reads the environment, and policy.json beside the nearest host.json above', () => {
    Object.assign(process.env, MINIMAL, { RECONNECT_MODE: 'dry-run' })
    const config = loadConfig()
    assert.ok(config.ok)
    assert.equal(config.value.mode, 'dry-run')
    assert.deepEqual(
      config.value.policy.grants.map(({ principal }) => principal),
      ['role:root'],
    )
  })

  it('does not read local.settings.json: on Azure there is none, and locally Core Tools have done it', () => {
    writeFileSync(join(folder.root, 'local.settings.json'), JSON.stringify({ Values: MINIMAL }))
    assert.equal(loadConfig().ok, false)
  })

  it('reports a policy file that is a folder instead of throwing', () => {
    Object.assign(process.env, MINIMAL, { RECONNECT_POLICY_FILE: 'a' })
    const config = loadConfig()
    assert.ok(!config.ok)
    assert.deepEqual(
      config.error.map(({ name }) => name),
      ['RECONNECT_POLICY_FILE'],
    )
  })

  it('does not take a policy.json that is a folder for no policy', () => {
    const policy = join(folder.root, 'policy.json')
    rmSync(policy)
    mkdirSync(policy)
    try {
      Object.assign(process.env, MINIMAL)
      const config = loadConfig()
      assert.ok(!config.ok)
      assert.deepEqual(
        config.error.map(({ name }) => name),
        ['policy.json'],
      )
    } finally {
      rmSync(policy, { recursive: true })
      writeFileSync(policy, policyFor('root'))
    }
  })

  describe('loadPolicySettings', () => {
    const principals = (file?: string): string[] => {
      const settings = loadPolicySettings(file)
      assert.ok(settings.ok, JSON.stringify(settings))
      return settings.value.policy.grants.map(({ principal }) => principal)
    }

    it('needs no other setting', () => assert.deepEqual(principals(), ['role:root']))

    it('reads local.settings.json as Core Tools do, and the environment wins', () => {
      writeFileSync(
        join(folder.root, 'local.settings.json'),
        JSON.stringify({ Values: { RECONNECT_MODE: 'off', RECONNECT_POLICY: policyFor('local') } }),
      )
      assert.deepEqual(principals(), ['role:local'])
      process.env['RECONNECT_POLICY'] = policyFor('environment')
      assert.deepEqual(principals(), ['role:environment'])
      const settings = loadPolicySettings()
      assert.equal(settings.ok && settings.value.mode, 'off')
    })

    it('takes a file, from the working folder, before both settings', () => {
      process.env['RECONNECT_POLICY'] = policyFor('environment')
      assert.deepEqual(principals('other.json'), ['role:other'])
    })

    it('says when there is no policy at all', () => {
      const settings = loadPolicySettings()
      assert.ok(settings.ok)
      assert.equal(settings.value.source, join(folder.root, 'policy.json'))
    })

    for (const text of [
      '{',
      '[]',
      'null',
      '{"IsEncrypted":true,"Values":{}}',
      '{"Values":{"RECONNECT_MODE":1}}',
      '{"Values":[]}',
    ]) {
      it(`refuses a local.settings.json that is ${text}, without quoting it`, () => {
        writeFileSync(join(folder.root, 'local.settings.json'), text)
        const settings = loadPolicySettings()
        assert.ok(!settings.ok)
        assert.deepEqual(
          settings.error.map(({ name }) => name),
          ['local.settings.json'],
        )
      })
    }
  })
})
