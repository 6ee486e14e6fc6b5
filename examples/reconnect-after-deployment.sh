#!/bin/sh
# Reconnects backends from a deployment pipeline, signed by Standard Webhooks (standardwebhooks.com). Needs curl and openssl.
#   RECONNECT_URL=https://reconnect.contoso.example/alerts/deployments RECONNECT_KEY=whsec_… sh reconnect-after-deployment.sh <resource id of a backend> …
set -eu
backends=$(printf '"%s",' "$@")
body="{\"backends\":[${backends%,}],\"reason\":\"deployment\"}"
id="msg_$(openssl rand -hex 16)"
timestamp=$(date +%s)
key=$(printf %s "${RECONNECT_KEY#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
signature=$(printf %s "$id.$timestamp.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
# 503 and network errors are tried again: the same id and signature, so that it stays one post.
curl --fail-with-body --silent --show-error --retry 5 --retry-connrefused \
  -H 'Content-Type: application/json' -H "webhook-id: $id" -H "webhook-timestamp: $timestamp" -H "webhook-signature: v1,$signature" \
  --data-binary "$body" "$RECONNECT_URL"
