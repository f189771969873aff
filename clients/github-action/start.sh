#!/usr/bin/env bash
# Starts `fastness dev` in the background, waits until it can be used, and prints what clients need as NAME=VALUE lines.
# What it logs goes to a file: a step that is over must not wait for it. Reads BINARY, SEED and REGION. The deployment ends with the job, whose processes its runner ends.
set -euo pipefail

facts=$(mktemp)
options=(dev --json --region "${REGION:-us-east-1}")
if [[ -n ${SEED:-} ]]; then options+=(--seed "$SEED"); fi
"${BINARY:-fastness}" "${options[@]}" >"$facts" 2>"$facts.log" </dev/null &
server=$!

until [[ -s $facts ]]; do
  kill -0 "$server" 2>/dev/null || { cat "$facts.log" >&2; exit 1; }
  sleep 0.1
done

fact() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$facts" "$1"; }
echo "::add-mask::$(fact secretAccessKey)" >&2
cat <<LINES
AWS_ENDPOINT_URL=$(fact endpoint)
AWS_ACCESS_KEY_ID=$(fact accessKeyId)
AWS_SECRET_ACCESS_KEY=$(fact secretAccessKey)
AWS_REGION=$(fact region)
AWS_DEFAULT_REGION=$(fact region)
AWS_SHARED_CREDENTIALS_FILE=$(fact credentialsFile)
FASTNESS_DATA=$(fact data)
FASTNESS_PID=$server
LINES
