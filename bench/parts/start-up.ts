import { join } from 'node:path'
import { compare, interleave } from '../statistics.ts'
import { timeProcess, type Environment } from '../program.ts'
import type { Bench } from '../part.ts'
import type { Section } from '../table.ts'
import { PROJECT_ROOT } from '../workspace.ts'

/** From the start of a process until the functions are registered, and until a first reconnect is answered. */
export async function measureStartUp(bench: Bench): Promise<Section> {
  const { scale } = bench
  const registered = await measureRegistered(bench)
  const { cold, warm } = await measureFirstReconnect(bench)
  return {
    title: 'Start-up',
    unit: `ms, ${scale.registeredRounds} and ${scale.firstReconnectRounds} rounds`,
    rows: [
      {
        name: 'functions registered: our bundle / node -e 0',
        figures: compare(registered.ours, registered.bare),
        aim: { atMost: 1.7 },
      },
      {
        name: 'functions registered: our bundle / the app unbundled',
        figures: compare(registered.ours, registered.unbundled),
      },
      {
        name: 'first reconnect, cold: our bundle / unbundled',
        figures: compare(cold.ours, cold.unbundled),
        aim: { atMost: 0.4 },
      },
      {
        name: 'first reconnect, second start: our bundle / unbundled',
        figures: compare(warm.ours, warm.unbundled),
        aim: { atMost: 0.4 },
      },
      {
        name: 'first reconnect, second start: our bundle / unbundled with a V8 cache',
        figures: compare(warm.ours, warm.unbundledCached),
      },
    ],
    notes: [
      'first reconnect: from the start of the process to the 202, without any token, key or connection at the start; calls issuer, identity endpoint, storage and ARM',
      'cold: with an empty temporary folder; second start: with the temporary folder of a previous start, where the app keeps its compile cache',
      'with a V8 cache: NODE_COMPILE_CACHE is set, which the Functions platform does not do',
    ],
  }
}

async function measureRegistered({ workspace, scale }: Bench) {
  const environment = { TMPDIR: workspace.fresh() }
  const load = (appRoot: string, entryPoint: string) => () =>
    timeProcess([workspace.pathOf('registered'), join(appRoot, entryPoint)], { environment, cwd: appRoot })
  return interleave(scale.registeredRounds, {
    bare: () => timeProcess(['-e', '0'], { environment, cwd: PROJECT_ROOT }),
    ours: load(PROJECT_ROOT, 'deploy/index.cjs'),
    unbundled: load(workspace.unbundledApp, 'index.cjs'),
  })
}

async function measureFirstReconnect({ workspace, azure, scale }: Bench) {
  const [token] = (await azure.mintTokens(1)) as [string]
  const request = JSON.stringify(toRpcRequest(azure.pathOf('orders'), token))
  const start = (appRoot: string, environment: Environment) =>
    timeProcess([workspace.pathOf('first-reconnect'), appRoot, request], {
      environment,
      cwd: appRoot,
      untilLine: '202',
    })
  const storage = azure.freshStorage()
  const cold = (appRoot: string) => () => start(appRoot, azure.environment(workspace.fresh(), storage))
  const again = async (appRoot: string, settings: Environment = {}) => {
    const environment = { ...azure.environment(workspace.fresh(), storage), ...settings }
    await start(appRoot, environment)
    return () => start(appRoot, environment)
  }
  const { unbundledApp } = workspace
  const measured = await interleave(scale.firstReconnectRounds, {
    coldOurs: cold(PROJECT_ROOT),
    coldUnbundled: cold(unbundledApp),
    warmOurs: await again(PROJECT_ROOT),
    warmUnbundled: await again(unbundledApp),
    cachedUnbundled: await again(unbundledApp, { NODE_COMPILE_CACHE: workspace.fresh() }),
  })
  return {
    cold: { ours: measured.coldOurs, unbundled: measured.coldUnbundled },
    warm: { ours: measured.warmOurs, unbundled: measured.warmUnbundled, unbundledCached: measured.cachedUnbundled },
  }
}

/** The invocation as the host sends it to a worker. */
function toRpcRequest(path: string, token: string) {
  const [, , subscriptionId, , resourceGroupName, , , , serviceName, , backendId] = path.split('/')
  const nullable = (values: Readonly<Record<string, string | undefined>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]))
  return {
    method: 'POST',
    url: `http://127.0.0.1${path}`,
    nullableHeaders: nullable({
      host: '127.0.0.1',
      authorization: `Bearer ${token}`,
      'content-length': '0',
      'x-reconnect-force': 'true',
    }),
    nullableQuery: {},
    nullableParams: nullable({ subscriptionId, resourceGroupName, serviceName, backendId }),
  }
}
