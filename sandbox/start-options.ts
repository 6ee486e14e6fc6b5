import { parseArgs } from 'node:util'
import { UsageError } from './command.ts'

export interface StartOptions {
  readonly azure: boolean
  /** Under Azure Functions Core Tools instead of the sandbox's own host. */
  readonly func: boolean
  /** The app reaches the emulated storage with the managed identity. */
  readonly identityStorage: boolean
  /** Absent: 7071, or a free one where that is taken. */
  readonly port?: number
  readonly tlsPort?: number
  readonly armPort?: number
  readonly identityPort?: number
  readonly issuerPort?: number
  readonly controlPort?: number
  readonly info?: string
  readonly help: boolean
}

export const USAGE = `npm start -- [options]
  --port N           port of the function app (default 7071, or a free one)
  --tls-port N       the same over TLS          --arm-port N       simulated ARM
  --identity-port N  managed-identity endpoint  --issuer-port N    token issuer
  --control-port N   fault switchboard          (default: free ones)
  --info FILE        write addresses and tokens there, as JSON, once everything is up
  --identity-storage the app reaches storage with the managed identity, not with a connection string
  --func             under Azure Functions Core Tools ('func start'), which must be on PATH
  --azure            no simulation: the real ARM, settings from local.settings.json, your developer credentials`

const PORTS = ['port', 'tls-port', 'arm-port', 'identity-port', 'issuer-port', 'control-port'] as const

export function parseStartOptions(args: readonly string[]): StartOptions {
  const { values } = parse(args)
  const ports = PORTS.flatMap((name) => {
    const text = values[name]
    return text === undefined ? [] : [[name.replace(/-p/, 'P'), parsePort(name, text)] as const]
  })
  const simulationOnly = [
    ...PORTS.filter((name) => name !== 'port'),
    'info' as const,
    'func' as const,
    'identity-storage' as const,
  ].find((name) => values[name] !== undefined)
  if (values.azure === true && simulationOnly !== undefined)
    throw new UsageError(`--${simulationOnly} belongs to the simulation, which --azure leaves out.`)
  return {
    azure: values.azure === true,
    func: values.func === true,
    identityStorage: values['identity-storage'] === true,
    help: values.help === true,
    ...Object.fromEntries(ports),
    ...(values.info !== undefined && { info: values.info }),
  }
}

function parse(args: readonly string[]) {
  try {
    const port = { type: 'string' } as const
    return parseArgs({
      args: [...args],
      options: {
        port,
        'tls-port': port,
        'arm-port': port,
        'identity-port': port,
        'issuer-port': port,
        'control-port': port,
        info: { type: 'string' },
        azure: { type: 'boolean' },
        func: { type: 'boolean' },
        'identity-storage': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`)
  }
}

function parsePort(name: string, text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN
  if (!(port <= 65_535)) throw new UsageError(`--${name} takes a port from 0 (a free one) to 65535, not '${text}'.`)
  return port
}
