import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createForeground } from '../../../src/functions/foreground.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

function setUp() {
  const clock = createFakeClock()
  const foreground = createForeground()
  const scene = { clock, foreground, isQuiet: false }
  const wait = (): void => void foreground.quiet(clock).then(() => (scene.isQuiet = true))
  return Object.assign(scene, { wait })
}

describe('work in the background', () => {
  test('starts 100 ms later where there is no request', async () => {
    const scene = setUp()
    scene.wait()
    await scene.clock.advance(99)
    assert.equal(scene.isQuiet, false)
    await scene.clock.advance(1)
    assert.equal(scene.isQuiet, true)
  })

  test('gives way to a request, and to the answer that has just been made', async () => {
    const scene = setUp()
    scene.foreground.begin()
    scene.wait()
    await scene.clock.advance(350)
    assert.equal(scene.isQuiet, false, 'the request is running')
    scene.foreground.begin()
    scene.foreground.end()
    scene.foreground.end()
    await scene.clock.advance(50)
    assert.equal(scene.isQuiet, false, 'another one began since the last look')
    await scene.clock.advance(100)
    assert.equal(scene.isQuiet, true)
  })

  test('starts after a second on an instance that is always busy', async () => {
    const scene = setUp()
    scene.foreground.begin()
    scene.wait()
    await scene.clock.advance(999)
    assert.equal(scene.isQuiet, false)
    await scene.clock.advance(1)
    assert.equal(scene.isQuiet, true)
  })
})
