import {
  decompressResponsePolicyName,
  formDataPolicyName,
  multipartPolicyName,
  proxyPolicyName,
  redirectPolicyName,
  tracingPolicyName,
  type Pipeline,
} from '@azure/core-rest-pipeline'

/** Policies of an SDK's pipeline that would do harm, or nothing, to what this app sends over its own transport. */
const UNUSED = [
  // Retries are counted, bounded and audited by this app. Even without retries this policy replaces the transport's error when a request was
  // aborted, and with it the fact whether the request was sent.
  'defaultRetryPolicy',
  // A redirect is an answer and is not followed.
  redirectPolicyName,
  // The transport uses no proxy and asks for no content coding.
  proxyPolicyName,
  decompressResponsePolicyName,
  // This app sends no forms.
  formDataPolicyName,
  multipartPolicyName,
  // The host's own trace is forwarded in a header; no tracing library is in this app.
  tracingPolicyName,
  // For signals of other makers than the platform.
  'wrapAbortSignalLikePolicy',
]

export function removeUnusedPolicies(pipeline: Pipeline): void {
  for (const name of UNUSED) pipeline.removePolicy({ name })
}
