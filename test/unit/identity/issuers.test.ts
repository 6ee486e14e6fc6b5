import assert from 'node:assert/strict'
import { test } from 'node:test'
import { issuersOf } from '../../../src/identity/issuers.ts'

const TENANT = '11111111-2222-3333-4444-555555555555'

for (const [cloud, authority, v2, v1] of [
  ['the public cloud', 'https://login.microsoftonline.com', 'https://login.microsoftonline.com', 'sts.windows.net'],
  ['Azure Government', 'https://login.microsoftonline.us', 'https://login.microsoftonline.us', 'sts.windows.net'],
  [
    'Azure in China',
    'https://login.partner.microsoftonline.cn',
    'https://login.partner.microsoftonline.cn',
    'sts.chinacloudapi.cn',
  ],
  [
    'Azure in China by its other name',
    'https://login.chinacloudapi.cn',
    'https://login.partner.microsoftonline.cn',
    'sts.chinacloudapi.cn',
  ],
] as const) {
  test(`${cloud}: issuers of both token versions`, () =>
    assert.deepEqual(issuersOf(authority, TENANT), [`${v2}/${TENANT}/v2.0`, `https://${v1}/${TENANT}/`]))
}
