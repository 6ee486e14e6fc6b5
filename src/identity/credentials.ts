/** What a request brought to prove who sends it: the header values as the host hands them over. */
export interface Credentials {
  /** The Authorization header; repeated headers arrive joined with commas. */
  readonly authorization: string | undefined
  /** `x-ms-client-principal` of App Service Authentication. */
  readonly clientPrincipal: string | undefined
  /** `Sec-Fetch-Site`: where a browser says that the request was started (W3C Fetch Metadata). Absent from other clients. */
  readonly fetchSite?: string | undefined
}
