# `make` alone prints the targets with their first comment.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MVN := mvn -B -ntp

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## compile and package everything, no tests
	$(MVN) -q package -DskipTests

.PHONY: test
test: ## unit and integration tests with real servers
	processes/tools nats-server
	$(MVN) verify

.PHONY: format
format: ## google-java-format
	$(MVN) -q spotless:apply
