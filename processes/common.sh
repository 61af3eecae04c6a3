# Sourced by the scripts beside it: where things are, the settings with their defaults, a few words.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
run=$root/.run     # everything that runs keeps its data, logs and secrets here
tools=$root/.tools # links to the servers
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nats-chat # the servers themselves, shared between checkouts

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# .env holds NAME=value lines, as Compose reads them: perhaps with export, quotes or a comment after a blank. What is
# in the environment already wins.
read_env() {
  local line number=0 form='^[[:space:]]*(export[[:space:]]+)?([A-Z][A-Z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$'
  while IFS= read -r line || [[ -n $line ]]; do # the last line perhaps has no end
    ((++number))
    if [[ $line =~ ^[[:space:]]*(#.*)?$ ]]; then continue; fi
    [[ $line =~ $form ]] || die ".env, line $number: expected NAME=value, the name in capitals"
    local name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    if [[ $value =~ ^\"([^\"]*)\"[[:space:]]*(#.*)?$ || $value =~ ^\'([^\']*)\'[[:space:]]*(#.*)?$ ]]; then
      value=${BASH_REMATCH[1]}
    else
      value=${value%%[[:space:]]#*}
      value=${value%"${value##*[![:space:]]}"}
    fi
    if [[ -z ${!name:-} ]]; then export "$name=$value"; fi
  done <"$root/.env"
}
if [[ -f $root/.env ]]; then read_env; fi

ports=(NATS_PORT=4222 NATS_WEBSOCKET_PORT=9222 NATS_MONITOR_PORT=8222
  KEYCLOAK_PORT=8080 KEYCLOAK_MANAGEMENT_PORT=9000 POSTGRES_PORT=5432
  OTLP_GRPC_PORT=4317 OTLP_HTTP_PORT=4318
  COLLECTOR_METRICS_PORT=8889 COLLECTOR_SELF_PORT=8888 COLLECTOR_HEALTH_PORT=13133
  PROMETHEUS_PORT=9090 LOKI_PORT=3100 LOKI_GRPC_PORT=9096 GRAFANA_PORT=3001
  TEMPO_PORT=3200 TEMPO_GRPC_PORT=9095 TEMPO_OTLP_PORT=4327 ZIPKIN_PORT=9411)
for port in "${ports[@]}"; do
  name=${port%%=*}
  export "$name=${!name:-${port#*=}}"
  [[ ${!name} =~ ^[1-9][0-9]{0,4}$ ]] && ((${!name} < 65536)) || die "$name is ${!name}: expected a port, 1 to 65535"
done

# Whether the broker's own hops are in the traces, and of how many percent of the sampled messages.
export BROKER_HOPS=${BROKER_HOPS:-on} BROKER_HOPS_SAMPLING=${BROKER_HOPS_SAMPLING:-100}
[[ $BROKER_HOPS =~ ^(on|off)$ ]] || die "BROKER_HOPS is $BROKER_HOPS: expected on or off"
[[ $BROKER_HOPS_SAMPLING =~ ^([1-9][0-9]?|100)$ ]] || die "BROKER_HOPS_SAMPLING is $BROKER_HOPS_SAMPLING: expected 1 to 100"

# Which share of the traces is kept, and what is logged. The agent would send nothing at all with a ratio that is none,
# and a log with a level that is none has every line.
export TRACE_SAMPLE_RATIO=${TRACE_SAMPLE_RATIO:-1} LOG_LEVEL=${LOG_LEVEL:-INFO}
[[ $TRACE_SAMPLE_RATIO =~ ^(0?\.[0-9]+|0|1|1\.0+)$ ]] || die "TRACE_SAMPLE_RATIO is $TRACE_SAMPLE_RATIO: expected a number from 0 to 1"
[[ ${LOG_LEVEL^^} =~ ^(ERROR|WARN|INFO|DEBUG|TRACE)$ ]] || die "LOG_LEVEL is $LOG_LEVEL: expected ERROR, WARN, INFO, DEBUG or TRACE"

java=${JAVA_HOME:+$JAVA_HOME/bin/}java

# Tempo and Grafana run when they are given or on PATH; Zipkin holds the traces when there is no Tempo.
services=(auth-service persist-worker history-service broker-observer)
programs() {
  printf '%s\n' nats-server keycloak postgres otelcol prometheus loki
  if [[ -x $tools/bin/tempo ]]; then say tempo; else say zipkin; fi
  if [[ -e $tools/grafana ]]; then say grafana; fi
  printf '%s\n' "${services[@]}"
}

supervisor() { RUN=$run "$tools/venv/bin/python" -m "supervisor.$1" -c "$run/supervisord.conf" "${@:2}"; }

# Which traces are kept is decided where each begins, and everybody after follows; 1 is all of them.
sampling() {
  export OTEL_TRACES_SAMPLER=${OTEL_TRACES_SAMPLER:-parentbased_traceidratio}
  export OTEL_TRACES_SAMPLER_ARG=${OTEL_TRACES_SAMPLER_ARG:-$TRACE_SAMPLE_RATIO}
}

# supervisord and all it starts carry this in their environment, so they are found whatever became of supervisord,
# and nothing else ever is.
mark=NATS_CHAT_RUN=$run
running() { grep -lzxF "$mark" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }

# Whether supervisord is one of them: it answers no more while it stops the others.
supervised() {
  local pid
  for pid in $(running); do
    if grep -qaF supervisor.supervisord "/proc/$pid/cmdline" 2>/dev/null; then return; fi
  done
  return 1
}

trouble() { # trouble NAME WHAT: what a program said last, and which it is
  say
  tail -n 15 "$run/log/$1.log" >&2 || :
  die "$1 $2; all of it is in .run/log/$1.log"
}
await_healthy() { # await_healthy NAME...: until all of these are; says meanwhile which are not
  local begun=$SECONDS deadline=${UP_DEADLINE:-300} round=0 before='' unhealthy waiting status name
  while :; do
    unhealthy=$("$tools/venv/bin/python" "$root/processes/probe" health "$run" "$@")
    read -ra waiting <<<"${unhealthy//$'\n'/ }"
    if ((${#waiting[@]} == 0)); then break; fi
    if ((++round % 5 == 0)); then
      supervisor supervisorctl pid &>/dev/null || die "stopped meanwhile by somebody else"
      status=$(supervisor supervisorctl status) || : # it fails when one does not run
      for name in "${waiting[@]}"; do
        case $(grep ":$name " <<<"$status") in
          *' FATAL '*) trouble "$name" "does not stay up" ;;
          *' uptime 0:00:'*) ;; # it may still be starting
          *' RUNNING '*) # once, and so early that it has run since before this
            if ((round == 5)); then
              if [[ -t 1 ]]; then printf '\r\033[K'; fi
              say "$name has run for more than a minute and is not healthy: if it hangs, processes/restart $name ends it by force"
            fi
            ;;
        esac
      done
    fi
    if ((SECONDS - begun >= deadline)); then trouble "${waiting[0]}" "is not healthy after $deadline s (waiting for: ${waiting[*]})"; fi
    if [[ -t 1 ]]; then
      printf '\r\033[K%3d s, waiting for: %s' $((SECONDS - begun)) "${waiting[*]}"
    elif [[ ${waiting[*]} != "$before" ]]; then
      printf '%3d s, waiting for: %s\n' $((SECONDS - begun)) "${waiting[*]}"
      before=${waiting[*]}
    fi
    sleep 1
  done
  if [[ -t 1 ]]; then printf '\r\033[K'; fi
}
