#!/bin/sh
# Reconnects backends from a deployment pipeline, signed by Standard Webhooks (standardwebhooks.com). Needs curl and openssl.
#   RECONNECT_URL=https://reconnect.contoso.example/alerts/deployments RECONNECT_KEY=whsec_… sh reconnect-after-deployment.sh <resource id of a backend> …
# Fails where a backend is not reconnected because of this request: its id is invalid, or the webhook has no grant for it.
set -eu
backends=$(printf '%s\n' "$@" | sed 's/"/\\"/g; s/.*/"&",/' | tr -d '\n')
body="{\"backends\":[${backends%,}],\"reason\":\"deployment\"}"
id="msg_$(openssl rand -hex 16)"
timestamp=$(date +%s)
key=$(printf %s "${RECONNECT_KEY#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
signature=$(printf %s "$id.$timestamp.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
# 503 and network errors are tried again: the same id and signature, so that it stays one post.
answer=$(curl --fail-with-body --silent --show-error --retry 5 --retry-connrefused \
  -H 'Content-Type: application/json' -H "webhook-id: $id" -H "webhook-timestamp: $timestamp" -H "webhook-signature: v1,$signature" \
  --data-binary "$body" "$RECONNECT_URL") || { printf '%s\n' "$answer"; exit 1; }
printf '%s\n' "$answer"
# One post has one outcome per backend: a 2xx may still leave one out.
case $answer in
  *'"outcome":"invalid"'* | *'"outcome":"denied"'*)
    echo 'A backend was left out: see "reason" of the outcomes invalid and denied above.' >&2
    exit 1
    ;;
esac
