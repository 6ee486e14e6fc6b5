import assert from 'node:assert/strict'

/** Where the three services of a connection string listen. */
export function storageEndpoints(connectionString: string): readonly string[] {
  const endpoints = [...connectionString.matchAll(/(?:Blob|Queue|Table)Endpoint=([^;]+)/g)].map(([, url = '']) => url)
  assert.equal(endpoints.length, 3)
  return endpoints
}
