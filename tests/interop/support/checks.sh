# Sourced by the suites of tools that a script calls. A tool is called once per case; its output is held against a pattern, and the
# case told as a line of TAP. The suite defines `run`, which calls the tool with the arguments of a case.

[[ ${LEVERET_TEST_API:-} =~ ^http://([^:]+):([^@]+)@([^:]+):([0-9]+)$ ]] || {
  echo 'LEVERET_TEST_API is not set (http://user:password@host:port): run the suites through tests/interop/run' >&2
  exit 1
}
api_user=${BASH_REMATCH[1]} api_password=${BASH_REMATCH[2]} api_host=${BASH_REMATCH[3]} api_port=${BASH_REMATCH[4]}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
work=$(mktemp -d)
client=''
number=0
failures=0

finish() {
  [[ -n $client ]] && kill -TERM "$client" 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT

# told <name> <problem, if there is one> <output>
told() {
  number=$((number + 1))
  if [[ -z $2 ]]; then
    echo "ok $number - $1"
    return
  fi
  failures=$((failures + 1))
  echo "not ok $number - $1"
  echo "# $2"
  head -n 20 <<<"$3" | sed 's/^/# /'
}

# check <name> <extended regular expression that the output has> <argument...>
check() {
  local output status=0 problem=''
  output=$(run "${@:3}" 2>&1) || status=$?
  if [[ $status != 0 ]]; then
    problem="exit status $status"
  elif ! grep -Eq -- "$2" <<<"$output"; then
    problem="the output does not have $2"
  fi
  told "$1" "$problem" "$output"
}

# The same for what must be refused.
refused() {
  local output problem=''
  if output=$(run "${@:3}" 2>&1); then
    problem='it was not refused'
  elif ! grep -Eq -- "$2" <<<"$output"; then
    problem="the output does not have $2"
  fi
  told "$1" "$problem" "$output"
}

# A client with two channels and a consumer of the queue, for lists that are to have something in them. Sets client_name, the name of
# its connection.
start_client() {
  (cd "$root" && exec node --input-type=module - "${LEVERET_TEST_URI:?}" "$1") >"$work/client" 2>&1 <<'SCRIPT' &
import { connect } from 'amqplib'
const [uri, queue] = process.argv.slice(2)
const connection = await connect(uri, { clientProperties: { connection_name: 'checks' } })
connection.on('error', () => {})
await connection.createConfirmChannel()
const channel = await connection.createChannel()
await channel.prefetch(10)
await channel.consume(queue, () => {}, { consumerTag: 'checks.consumer' })
const { localAddress, localPort, remoteAddress, remotePort } = connection.connection.stream
console.log(`connected ${localAddress}:${localPort} -> ${remoteAddress}:${remotePort}`)
SCRIPT
  client=$!
  local attempt
  for ((attempt = 0; attempt < 200; attempt += 1)); do
    client_name=$(sed -n 's/^connected //p' "$work/client")
    [[ -n $client_name ]] && return
    kill -0 "$client" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/client" >&2
  return 1
}

finish_checks() {
  echo "1..$number"
  exit $((failures > 0))
}
