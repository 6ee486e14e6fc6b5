import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Api } from './api.ts'

/** What every view has: the API with the user's token, and the way to a new token. */
export interface Session {
  readonly api: Api
  /** Leaves the page and comes back to this place. */
  readonly signIn: (chooseAccount: boolean) => void
}

const Context = createContext<Session | undefined>(undefined)

export const SessionProvider = Context.Provider

export function useSession(): Session {
  const session = useContext(Context)
  if (session === undefined) throw new Error('a view needs a session')
  return session
}
