#!/usr/bin/env bash
# The main job of Fastness with the AWS CLI, each command shown before it runs. Needs `fastness` and `aws` on the PATH;
# `cargo xtask tour` builds the one, installs the other, and runs this.
set -euo pipefail

scratch=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$scratch"' EXIT
export XDG_CONFIG_HOME="$scratch/config" AWS_PAGER="" AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
data="$scratch/data"

# Colors are for terminals whose users want them.
bold='' dim='' plain=''
if [ -t 1 ] && [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' dim=$'\033[2m' plain=$'\033[0m'; fi
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
# Commands are shown on standard error, so that their output can go elsewhere.
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain" >&2; "$@"; }
as() { # as KEY SECRET TOKEN COMMAND...
  local key=$1 secret=$2 token=$3
  shift 3
  printf '%s$ %s%s\n' "$dim" "$*" "$plain" >&2
  if [ -n "$token" ]; then
    AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret AWS_SESSION_TOKEN=$token "$@"
  else
    AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret "$@"
  fi
}
start() {
  fastness serve --data "$data" --listen 127.0.0.1:0 >"$scratch/out" 2>>"$scratch/log" &
  server=$!
  until grep -q serves "$scratch/out"; do kill -0 "$server" || { cat "$scratch/log"; exit 1; }; sleep 0.05; done
  eval "$(fastness env --data "$data")"
}

say "One command starts it on an empty machine"
start
show fastness status --data "$data"
show aws sts get-caller-identity

say "A key that never leaves"
key=$(aws kms create-key --description "the tour's" --query KeyMetadata.Arn --output text)
show aws kms create-alias --alias-name alias/tour --target-key-id "$key"
printf 'attack at dawn' >"$scratch/plain"
show aws kms encrypt --key-id alias/tour --plaintext "fileb://$scratch/plain" --encryption-context ship=pequod \
  --query CiphertextBlob --output text >"$scratch/sealed.b64"
tail -c 80 "$scratch/sealed.b64"
base64 -d "$scratch/sealed.b64" >"$scratch/sealed"

say "A user who may encrypt, and only that"
aws iam create-user --user-name ishmael >/dev/null
cat >"$scratch/encrypt.json" <<JSON
{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "$key"}}
JSON
show aws iam put-user-policy --user-name ishmael --policy-name encrypt --policy-document "file://$scratch/encrypt.json"
read -r user_key user_secret < <(aws iam create-access-key --user-name ishmael \
  --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
as "$user_key" "$user_secret" "" aws kms decrypt --ciphertext-blob "fileb://$scratch/sealed" --encryption-context ship=pequod || true

say "A role that may decrypt, which the user may take on"
account=$(aws sts get-caller-identity --query Account --output text)
cat >"$scratch/trust.json" <<JSON
{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
 "Principal": {"AWS": "arn:aws:iam::$account:user/ishmael"}}}
JSON
sed 's/kms:Encrypt/kms:Decrypt/' "$scratch/encrypt.json" >"$scratch/decrypt.json"
aws iam create-role --role-name captain --assume-role-policy-document "file://$scratch/trust.json" >/dev/null
show aws iam put-role-policy --role-name captain --policy-name decrypt --policy-document "file://$scratch/decrypt.json"
read -r role_key role_secret role_token < <(AWS_ACCESS_KEY_ID=$user_key AWS_SECRET_ACCESS_KEY=$user_secret \
  aws sts assume-role --role-arn "arn:aws:iam::$account:role/captain" --role-session-name watch \
  --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
as "$role_key" "$role_secret" "$role_token" aws kms decrypt --ciphertext-blob "fileb://$scratch/sealed" \
  --encryption-context ship=pequod --query Plaintext --output text | base64 -d
echo

say "kill -9, and start again: all of it is still there"
kill -9 "$server"; wait "$server" 2>/dev/null || true
start
as "$user_key" "$user_secret" "" aws kms encrypt --key-id "$key" --plaintext "fileb://$scratch/plain" --query KeyId --output text

say "What happened, from the audit trail"
show aws cloudtrail lookup-events --max-items 12 --output table \
  --query 'Events[].[EventTime,Username,EventName,EventSource,join(`,`,Resources[].ResourceName||`[]`)]'

say "Nothing of it is in clear on the disk"
if grep -rqa "attack at dawn" "$data"; then echo "found the plaintext"; exit 1; else echo "the plaintext is nowhere in $(du -sh "$data" | cut -f1) of data"; fi
