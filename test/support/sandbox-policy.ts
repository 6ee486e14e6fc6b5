import { SANDBOX_POLICY } from '../../sandbox/policy.ts'

interface Change {
  /** Besides the sandbox's own. */
  readonly grants?: readonly object[]
  /** Instead of the sandbox's own. */
  readonly webhooks?: Readonly<Record<string, unknown>>
}

/** The sandbox's policy with other webhooks, and without its grants to webhooks that are not among them: such a grant is a problem. */
export function sandboxPolicy({ grants = [], webhooks = {} }: Change = {}): object {
  const isKept = ({ principal }: { principal: string }): boolean =>
    !principal.startsWith('webhook:') || Object.hasOwn(webhooks, principal.slice('webhook:'.length))
  return { ...SANDBOX_POLICY, grants: [...SANDBOX_POLICY.grants.filter(isKept), ...grants], webhooks }
}
