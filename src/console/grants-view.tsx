import type { Grants } from './api-types.ts'
import { useLive } from './live.ts'
import { CopyText, LiveView } from './parts.tsx'
import { useSession } from './session.ts'

const MEANINGS: Readonly<Record<string, string>> = {
  reconnect: 'reconnect backends',
  read: 'read operations',
  force: 'send a reconnect of its own instead of joining',
  pause: 'pause alerts',
}

export function GrantsView() {
  const { api } = useSession()
  const live = useLive('grants', (signal) => api.get<Grants>('/grants', signal), 0)
  return (
    <LiveView live={live}>
      {({ caller, principals, grants }) => (
        <>
          <p>
            You are <strong>{caller.name ?? caller.id}</strong>. <CopyText name="your id" value={caller.id} />
          </p>
          <h2>Grants</h2>
          {grants.length === 0 ? (
            <p class="note">
              No grant of the policy names one of your principals, so you may do nothing here. Ask the team that keeps
              the policy of this app for a grant to one of the principals below, or your Entra administrator for an app
              role.
            </p>
          ) : (
            <div class="scroll" role="region" aria-label="Grants" tabIndex={0}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">Scope, and everything below it</th>
                    <th scope="col">You may</th>
                  </tr>
                </thead>
                <tbody>
                  {grants.map(({ scope, actions }, index) => (
                    <tr key={index}>
                      <td>
                        <code>{scope}</code>
                      </td>
                      <td>{actions.map((action) => MEANINGS[action] ?? action).join(', ')}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
          <h2>Your principals</h2>
          <p>Grants in the policy name these:</p>
          <ul>
            {principals.map((principal) => (
              <li key={principal}>
                <code>{principal}</code>
              </li>
            ))}
          </ul>
        </>
      )}
    </LiveView>
  )
}
