/** The Promela model of the protocol (docs/coordination.md), in slices that take seconds: the cures hold, and each one is needed. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'

const MODEL = resolve('docs/coordination/lease.pml')
const CURED = { TX: 1, KEEP: 1, LOSER: 1, CAREFUL: 1, DUEFROM: 0, RANK: 1 }
/** No faults but those that a slice adds: storage, ARM's answers, refusals, crashes, duplicates. */
const CALM = { FS: 0, FA: 0, FR: 0, FC: 0, FD: 0 }

const isInstalled = ['spin', 'gcc'].every((tool) => spawnSync(tool, ['-V'], { stdio: 'ignore' }).error === undefined)

/** The properties that the slice violates: none, or the text of the first one. */
function explore(switches: Readonly<Record<string, number>>): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'coordination-model-'))
  try {
    cpSync(MODEL, join(folder, 'lease.pml'))
    const flags = Object.entries(switches).map(([name, value]) => `-D${name}=${value}`)
    const options = { cwd: folder, encoding: 'utf8' } as const
    execFileSync('spin', ['-a', ...flags, 'lease.pml'], options)
    execFileSync('gcc', ['-O0', '-w', '-DCOLLAPSE', '-DSAFETY', '-o', 'pan', 'pan.c'], options)
    const output = execFileSync('./pan', ['-m2000000'], options)
    assert.match(output, /errors: [0-9]+/)
    assert.doesNotMatch(output, /max search depth too small/)
    return /assertion violated (.*) \(at depth/.exec(output)?.[1]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const ALERT = { NH: 0, NA: 1, NW: 2 }
const ALERT_AND_REQUEST = { NH: 1, NA: 1, NW: 1 }

describe('the protocol as it is', () => {
  for (const [what, slice] of Object.entries({
    'one alert, two workers, a message that is delivered twice': { ...ALERT, FD: 1 },
    'one alert, two workers, a write whose answer is lost or late': { ...ALERT, FS: 1 },
    'an alert and a request, a message that is delivered twice': { ...ALERT_AND_REQUEST, FD: 1 },
    'two alerts with a short delay': { NH: 0, NA: 2, NW: 1, AMAX: 1 },
    'two requests and a slow ARM': { NH: 2, NA: 0, NW: 0, D: 2, REALDUE: 1 },
  }))
    it(`holds for ${what}`, (t) => {
      if (!isInstalled) return t.skip('did not run: spin and gcc are not installed')
      return assert.equal(explore({ ...CALM, ...slice, ...CURED }), undefined)
    })
})

describe('each cure is needed', () => {
  for (const [what, { without, slice, broken }] of Object.entries({
    'F1: without compare-and-set on the row, a finished operation returns to accepted': {
      without: { TX: 0 },
      slice: { NH: 1, NA: 1, NW: 2, FD: 1 },
      broken: /row\[op\]>=2/,
    },
    'F2: an end without evidence beats ARM’s 202': {
      without: { LOSER: 0, RANK: 0 },
      slice: { ...ALERT, FS: 1, FA: 1, FR: 1, FC: 1, FD: 1, FP: 1 },
      broken: /out==1/,
    },
    'F3: an outcome that cannot be written loses its message': {
      without: { KEEP: 0 },
      slice: { ...ALERT, FS: 2 },
      broken: /acc\[i\]/,
    },
    'F4: an alert joins what is over': {
      without: { CAREFUL: 0 },
      slice: { NH: 0, NA: 2, NW: 1, AMAX: 1 },
      broken: /owed\[op\]/,
    },
    'F5: due is counted from the answer': {
      without: { DUEFROM: 1 },
      slice: { NH: 2, NA: 0, NW: 0, D: 2, AMAX: 2, REALDUE: 1 },
      broken: /armDue/,
    },
    'a lease that is shorter than the deadline lets two send at once': {
      without: {},
      slice: { NH: 2, NA: 0, NW: 0, FP: 1, LEASE: 1, D: 2 },
      broken: /sending\[i\]/,
    },
    'a lease that is released before the next message is stored loses the alert': {
      without: {},
      slice: { ...ALERT, FR: 1, FC: 1, MUT_RELFIRST: 1 },
      broken: /acc\[i\]/,
    },
    'a copy that is dropped because its operation is in flight loses the alert': {
      without: {},
      slice: { ...ALERT_AND_REQUEST, FR: 1, MUT_DROPBUSY: 1 },
      broken: /acc\[i\]/,
    },
    'joining from memory joins what is over': {
      without: {},
      slice: { NH: 0, NA: 2, NW: 1, AMAX: 1, MUT_MEMJOIN: 1 },
      broken: /rdue\[op\]/,
    },
  }))
    it(what, (t) => {
      if (!isInstalled) return t.skip('did not run: spin and gcc are not installed')
      return assert.match(explore({ ...CALM, ...slice, ...CURED, ...without }) ?? 'no error', broken)
    })
})
