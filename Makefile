# `make` alone prints the targets with their comments. Settings: the environment, or .env (see .env.example).
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL: # `make down up` is one after the other, also where MAKEFLAGS has -j

MVN ?= mvn -B -ntp
JAVA := $(if $(JAVA_HOME),$(JAVA_HOME)/bin/)java
SOURCES := $(shell find pom.xml */pom.xml */src -type f 2>/dev/null)

# Plain processes while this checkout's run, else containers where a Docker engine with Compose v2 answers.
MODE = $(shell [ -z "$$(. processes/common.sh && running)" ] 2>/dev/null && docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1 && echo containers || echo processes)

CHAT_CLIENT := chat-client/run
TELEMETRY := telemetry-tool/run
BENCHMARKS := processes/tools nats-server && exec $(JAVA) -jar benchmarks/target/benchmarks.jar

##@ The running system
.PHONY: up up-containers up-processes down clean status
up: ## start everything and wait until it is healthy (containers, or processes where no engine answers)
	@$(MAKE) --no-print-directory up-$(MODE)

up-containers: build ## force containers (Docker Compose)
	containers/up

up-processes: build ## force plain processes (supervisord)
	processes/up

down: ## stop what `make up` started; data stays
	processes/down
	containers/down

clean: down ## stop, and remove the data, the secrets and everything built
	containers/clean
	processes/clean
	$(MVN) -q clean
	rm -rf target

status: build ## is everything healthy: servers, services, rates, telemetry pipeline, alerts, newest errors
	@$(TELEMETRY) status

##@ Use it
.PHONY: demo send history load trace logs dead-letters replay
demo: build ## alice, bob and charlie talk; prints a trace to look at and the rows stored
	@$(CHAT_CLIENT) demo

# What people say goes past make and the shell as it is: quotes, dollars and backticks are no commands.
unexport ROOM TEXT
send history: export IN_ROOM := $(value ROOM)
send: export SAYING := $(value TEXT)
send: build ## one message: make send ROOM=general TEXT="hello" [CHAT_USER=alice CHAT_PASSWORD=alice123]
	@$(CHAT_CLIENT) send -- "$${IN_ROOM:-general}" "$${SAYING:-hello}"

history: build ## a room's last 50 messages: make history ROOM=general
	@$(CHAT_CLIENT) history -- "$${IN_ROOM:-general}"

load: build ## steady traffic with a progress bar: make load RATE=100 SECONDS=30
	@$(CHAT_CLIENT) load --rate $(or $(RATE),100) --duration $(or $(SECONDS),30)

trace: build ## a trace as a tree with its log lines: make trace [ID=...] [FOLLOW=1], default the newest message's
	@$(TELEMETRY) trace $(ID) $(if $(FOLLOW),--follow)

logs: build ## the services' newest log lines: make logs [SERVICE=persist-worker] [SINCE=15m] [LIMIT=200]
	@$(TELEMETRY) logs $(if $(SERVICE),--service $(SERVICE)) $(if $(SINCE),--since $(SINCE)) $(if $(LIMIT),--limit $(LIMIT))

dead-letters: build ## what persist-worker could not store, and why: make dead-letters [REASON=too_long]
	persist-worker/dead-letters list $(if $(REASON),--reason=$(REASON))

replay: build ## stores dead letters after a fix: make replay ID=17, or REASON=refused_by_database, or ALL=1
	persist-worker/dead-letters replay $(ID) $(if $(REASON),--reason=$(REASON)) $(if $(ALL),--all)

##@ Work on it
.PHONY: build test test-matrix e2e test-loss chaos test-observability test-compose bench-services soak bench-poison bench-dead-telemetry bench-drain bench-extension bench-hops lint format
build: target/built ## compile and package everything, no tests

target/built: $(SOURCES)
	@processes/check-build $(firstword $(MVN))
	@processes/alone sh -c 'MAKEFLAGS= make -sq $@ || { (set -x; $(MVN) -q package -DskipTests) && touch $@; }'

test: ## unit and integration tests with a real nats-server and a real PostgreSQL
	@processes/check-build $(firstword $(MVN))
	processes/tools nats-server
	processes/alone $(MVN) verify
	@touch target/built

test-matrix: ## the extension with every jnats minor, Java 17 and 25, three agents: 40 minutes
	agent-extension/matrix/run

e2e: up ## system tests against the running system, which is started if needed; then a minute of chaos
	system-tests/run
	$(MAKE) chaos SECONDS=60

chaos: build ## kills and stalls everything around two workers, then counts: make chaos [SECONDS=600] [SEED=...] [CLUSTER=1]
	processes/tools nats-server postgres otelcol loki
	$(JAVA) -jar chaos/target/chaos.jar --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED)) $(if $(CLUSTER),--cluster)

test-loss: up-processes ## telemetry while the Collector, then all behind it, are away: make test-loss SECONDS=60 RATE=100 [COLLECTOR_SECONDS=] (processes, never containers)
	system-tests/run -Dit.test=LossIT -Dfailsafe.failIfNoSpecifiedTests=false -Dloss.required=true -Dloss.seconds=$(or $(SECONDS),60) \
	  -Dloss.collector.seconds=$(or $(COLLECTOR_SECONDS),$(SECONDS),60) -Dloss.rate=$(or $(RATE),100)

test-observability: up ## every query, link and rule of the dashboards and alerts against the running back ends
	system-tests/run -Dit.test=ObservabilityIT -Dfailsafe.failIfNoSpecifiedTests=false

test-compose: build ## run compose.yaml in a private Docker engine, on locally built images
	containers/test-compose

bench-services: build ## the three services under load, each beside its physical limit: 17 minutes [QUICK=1 two]
	$(BENCHMARKS) services $(if $(QUICK),--quick)

soak: build ## the services' memory under a steady load: make soak [MINUTES=30]
	$(BENCHMARKS) soak --minutes $(or $(MINUTES),30)

bench-poison: build ## how much poison between good messages slows the good ones down
	$(BENCHMARKS) poison

bench-dead-telemetry: build ## what the services and broker-observer do while nobody takes their telemetry
	$(BENCHMARKS) dead-telemetry

bench-drain: build ## the backlog part of bench-services alone: how fast persist-worker empties one
	$(BENCHMARKS) services --only PERSIST

bench-hops: build ## what the broker's hops cost nats-server per message, and how many broker-observer takes: 5 minutes
	$(BENCHMARKS) hops

bench-extension: build ## what tracing costs a jnats call: without it, built in, ours, by hand: half an hour
	$(BENCHMARKS) extension

lint: ## check every configuration file: compose.yaml, Collector, Prometheus rules and their tests, Loki, dashboards
	containers/lint
	processes/check-configs

format: ## google-java-format
	$(MVN) -q spotless:apply

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
