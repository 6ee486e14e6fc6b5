/** How much is measured. */
export interface Scale {
  readonly registeredRounds: number
  readonly firstReconnectRounds: number
  readonly throughputRounds: number
  readonly throughputMs: number
  readonly throughputWarmUpMs: number
  /** Load before each round that is not measured. */
  readonly throughputLeadMs: number
  readonly authorizationRounds: number
  readonly authorizationCalls: number
  readonly tokenRounds: number
  /** Tokens seen for the first time per round; fewer than the cache holds. */
  readonly tokens: number
  readonly stormRounds: number
  readonly stormRequests: number
  /** How long the servers that ours is compared with in a storm are measured, and every one is warmed up. */
  readonly stormMs: number
  /** Alerts for one backend in a round. */
  readonly alertStormRequests: number
  readonly alertRounds: number
  readonly alertMs: number
  readonly manyRounds: number
  readonly distinctRounds: number
  readonly distinctMs: number
  /** Rows in the two histories, and pages read of each per round. */
  readonly historyRows: readonly [few: number, many: number]
  readonly historyRounds: number
  readonly historyWarmUps: number
  readonly historyPages: number
  /** Numbers of requests after which the memory is measured. */
  readonly memoryAfter: readonly [first: number, middle: number, last: number]
}

export const FULL: Scale = {
  registeredRounds: 13,
  firstReconnectRounds: 7,
  throughputRounds: 5,
  throughputMs: 500,
  throughputWarmUpMs: 1_000,
  throughputLeadMs: 200,
  // Many short rounds: other work on the machine falls between them or spoils few.
  authorizationRounds: 101,
  authorizationCalls: 20_000,
  tokenRounds: 25,
  tokens: 250,
  stormRounds: 3,
  stormRequests: 10_000,
  stormMs: 1_000,
  alertStormRequests: 5_000,
  alertRounds: 3,
  alertMs: 800,
  manyRounds: 5,
  distinctRounds: 5,
  distinctMs: 700,
  historyRows: [1_000, 100_000],
  historyRounds: 15,
  historyWarmUps: 5,
  historyPages: 10,
  memoryAfter: [5_000, 50_000, 100_000],
}

/** Enough to show that the benchmark works; its figures mean nothing. */
export const QUICK: Scale = {
  registeredRounds: 2,
  firstReconnectRounds: 1,
  throughputRounds: 2,
  throughputMs: 200,
  throughputWarmUpMs: 100,
  throughputLeadMs: 50,
  authorizationRounds: 3,
  authorizationCalls: 5_000,
  tokenRounds: 2,
  tokens: 50,
  stormRounds: 1,
  stormRequests: 400,
  stormMs: 200,
  alertStormRequests: 400,
  alertRounds: 1,
  alertMs: 200,
  manyRounds: 1,
  distinctRounds: 1,
  distinctMs: 200,
  historyRows: [100, 300],
  historyRounds: 1,
  historyWarmUps: 1,
  historyPages: 2,
  memoryAfter: [200, 400, 800],
}
