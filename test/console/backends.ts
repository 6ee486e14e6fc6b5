import { RECONNECTABLE_BACKENDS } from '../../sandbox/azure/resources.ts'

/** The resource id of a backend of the simulation. */
export function findBackend(service: string, name: string): string {
  const found = RECONNECTABLE_BACKENDS.find((id) => id.endsWith(`/service/${service}/backends/${name}`))
  if (found === undefined) throw new Error(`the simulation has no backend ${name} in ${service}`)
  return found
}
