# One local command equals CI: .ci/run calls `make test` and the longer targets with reduced counts.
.PHONY: help setup demo test check format lock lab test-wheel test-unit test-lab test-faults test-browser bench-throughput bench-ingest bench-localise bench-causes bench-findings bench-plan test-recordings bench-snmp soak mutate-alerts deb test-deb try-arm64 screenshots test-dashboards draw-dashboards clean

SOURCES := $(shell find agent collector wire configs -type f -not -path '*/__pycache__/*') pyproject.toml requirements/dev.lock
PYTEST := .venv/bin/pytest
# one more than the two processors of the smallest machine: tests often wait; a file's costly set-up is made once
WORKERS ?= 3
KILLS ?= 50
SEEDS ?= 100
# where the long ones are (tests/conftest.py sees to it), so that nothing else is read
FAULTS := tests/faults tests/collector/test_slots_together.py

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/.installed ## make .venv with everything; hakaru-agent and hakaru-collector are in it

.venv/.installed: $(SOURCES)
	scripts/setup

demo: setup ## a fictional city of 84 schools and one real measurement (ONCE=1: end after it)
	.venv/bin/hakaru-collector demo $(if $(ONCE),--once)

.PHONY: stack
stack: setup ## the services of docker-compose.yml from packages, on loopback (ONCE=1: check, stop; OFFSET=N)
	scripts/system-packages caddy=caddy postgresql prometheus prometheus-alertmanager
	.venv/bin/python -m deploy.loopback $(if $(ONCE),--once) --offset $(or $(OFFSET),0)

test: check test-unit test-wheel ## everything a change must pass in minutes

check: setup ## style, types, import contracts
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: setup ## put the code in the one form
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

test-unit: setup ## tests against the built wheel
	scripts/system-packages postgresql fonts-morisawa-bizud-gothic systemd=systemd-analyze
	scripts/system-packages prometheus prometheus-alertmanager
	scripts/system-packages docker-compose
	$(PYTEST) -m 'not lab and not faults and not browser and not packaging' -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-wheel: setup ## the wheel without extras, in an empty environment, makes a real measurement
	scripts/check-wheel

test-lab: setup ## network namespaces, as root
	scripts/system-packages gcc libc6-dev iproute2 iptables iputils-ping iperf3 procps snmpd dnsmasq-base=dnsmasq
	$(PYTEST) -m 'lab and beside' tests/lab -n 4 --dist loadfile
	$(PYTEST) -m 'lab and not beside' tests/lab

lab: setup ## a shell in a laboratory of network namespaces, as root (PRESET=small; scripts/lab --list)
	scripts/system-packages gcc libc6-dev iproute2 iptables iputils-ping iperf3 procps snmpd
	.venv/bin/python scripts/lab $(or $(PRESET),small)

test-faults: setup ## kills, power cuts, full disks (KILLS=200 SEEDS=900 before a release)
	scripts/system-packages prometheus victoria-metrics
	scripts/system-packages postgresql
	KILLS=$(KILLS) SEEDS=$(SEEDS) $(PYTEST) -m 'faults and not alone' $(FAULTS) --timeout 900 -n $(WORKERS) --dist loadfile --no-loadscope-reorder
	KILLS=$(KILLS) SEEDS=$(SEEDS) $(PYTEST) -m 'faults and alone' $(FAULTS) --timeout 900

soak: setup ## agents and collector for a quarter of an hour: nothing grows (SOAK_SECONDS=14400)
	SOAK_SECONDS=$(or $(SOAK_SECONDS),900) $(PYTEST) tests/faults/test_soak.py -m faults

mutate-alerts: setup ## every alert rule broken on purpose: an incident must notice (ONLY=HakaruDnsSlow)
	scripts/system-packages prometheus
	.venv/bin/python -m tests.alerts.mutants $(if $(ONLY),--only $(ONLY))

deb: setup ## the agent as a Debian package, dist/hakaru-agent_*.deb (DEB=--arch=arm64)
	scripts/build-deb $(DEB)

test-deb: setup ## the package in a clean Debian that boots: install, enrol, upgrade, remove; as root
	scripts/system-packages debootstrap systemd-container=systemd-nspawn
	$(PYTEST) -m packaging tests/packaging --timeout 600 -s

try-arm64: ## the arm64 package under qemu-user: install, measure over loopback, purge; as root
	scripts/system-packages debootstrap qemu-user-static
	scripts/try-arm64

test-browser: setup ## ndt7 clients of others and the pages in Chromium
	scripts/system-packages nodejs=node npm=npm chromium=chromium fonts-noto-cjk
	scripts/system-packages libreoffice-calc-nogui=soffice
	cd tests/browser && npm ci --silent --no-audit --no-fund
	$(PYTEST) -m 'browser and not alone' tests/browser --timeout 300 -n 2 --dist loadfile
	$(PYTEST) -m 'browser and alone' tests/browser --timeout 300

test-recordings: setup ## SNMP recordings of real devices, a table (DIR=folder of .snmprec)
	SNMP_RECORDINGS=$(DIR) $(PYTEST) tests/agent/snmp/test_recordings.py -s -q --timeout 5400

bench-throughput: setup ## our engine beside five others: speed, cost, accuracy, decisions; as root (BENCH=--quick)
	scripts/system-packages curl gcc iperf3 iproute2 libc6-dev nginx-light=nginx nodejs=node npm=npm procps
	cd tests/browser && npm ci --silent --no-audit --no-fund
	.venv/bin/python -m benchmarks.throughput $(BENCH)

bench-ingest: setup ## taking results: ours on both databases beside three other servers (BENCH="--rounds 3")
	scripts/system-packages influxdb postgresql prometheus-pushgateway strace victoria-metrics
	.venv/bin/python -m benchmarks.ingest_peers $(BENCH)

bench-localise: setup ## where the bottleneck is, in chains of six links, half an hour; as root (BENCH=--quick)
	scripts/system-packages gcc libc6-dev iproute2 iptables procps
	.venv/bin/python -m benchmarks.localise $(BENCH)

bench-findings: setup ## the desk survey on 24 planted cities, beside two baselines (BENCH="--cities 40")
	.venv/bin/python -m benchmarks.findings $(BENCH)

bench-causes: setup ## causes planted in device data and, as root, in networks (BENCH="--group device")
	scripts/system-packages dnsmasq-base gcc libc6-dev iproute2 iptables procps snmpd
	.venv/bin/python -m benchmarks.causes $(BENCH)

bench-plan: setup ## plans of measures on planted cities, the solver against greed (BENCH="--cities 20")
	.venv/bin/python -m benchmarks.plan $(BENCH)

bench-snmp: setup ## polling 20 devices: ours beside pysnmp, gufo-snmp, net-snmp (BENCH="--rounds 5")
	scripts/system-packages snmp
	.venv/bin/python -m benchmarks.snmp $(BENCH)

screenshots: setup ## pictures of every page of the demonstration and a sheet of them, in docs/screenshots
	scripts/system-packages chromium=chromium fonts-noto-cjk
	.venv/bin/python scripts/all-screenshots

test-dashboards: setup ## every query of every dashboard on real engines, as a table of rows
	scripts/system-packages postgresql prometheus=prometheus victoria-metrics
	$(PYTEST) tests/dashboards/test_queries.py -q

draw-dashboards: setup ## pictures of the dashboards by Grafana's own libraries (0.6 GB of npm packages)
	scripts/system-packages nodejs=node npm=npm chromium=chromium fonts-noto-cjk postgresql prometheus=prometheus
	cd tests/dashboards/draw && npm ci --ignore-scripts --silent --no-audit --no-fund
	.venv/bin/python -m tests.dashboards.draw

lock: setup ## recompute the lock files
	scripts/lock --upgrade

clean: ## remove what the targets above made
	rm -rf .venv dist build demo-data tests/browser/node_modules tests/dashboards/draw/node_modules
