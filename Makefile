# Dowel: what people type. `make run` starts the CRM example, `make test` proves everything.

GO          ?= go
# Pinned here rather than in go.mod, so that tools stay out of the module graph of applications.
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.0
CHECKS      := all,-ST1000,-ST1003,-ST1016,-ST1020,-ST1021,-ST1022,-QF1001,-QF1008
# The race detector needs a C compiler; without one the tests still run, and say so.
RACE        := $(shell command -v $$($(GO) env CC) >/dev/null 2>&1 && [ "$$($(GO) env CGO_ENABLED)" = 1 ] && echo -race)
# SQLite is C translated to Go. The detector has nothing to find there and makes it four times as slow.
RACE        += $(if $(RACE),-gcflags=modernc.org/sqlite/lib=-race=false)
FUZZTIME    ?= 30s
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

.PHONY: run build test lint vet fmt fmt-check staticcheck unit bench fuzz clean

run: ## serve the CRM example with hot reload
	$(GO) run ./cmd/dowel dev examples/crm

build: ## one static binary: bin/dowel
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/dowel ./cmd/dowel

test: lint unit ## everything that must hold: format, vet, staticcheck, layers, all tests

lint: fmt-check vet staticcheck

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) run $(STATICCHECK) -checks '$(CHECKS)' ./...

fmt-check:
	@bad=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go')); \
	if [ -n "$$bad" ]; then echo "not formatted (make fmt):"; echo "$$bad"; exit 1; fi

fmt:
	gofmt -s -w $$(git ls-files '*.go')

# Seeds of every fuzz test run here as ordinary cases; `make fuzz` goes looking for more.
unit:
	@[ -n "$(RACE)" ] || echo "no C compiler: running without the race detector"
	$(GO) test $(RACE) -timeout 15m ./...

bench: ## every benchmark once, with allocations
	$(GO) test -run '^$$' -bench . -benchmem -benchtime 1s ./...

fuzz: ## every fuzz target for FUZZTIME
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; \
	done

clean:
	rm -rf bin

# The seed rows of examples/iso, from Debian's iso-codes package (apt-get install iso-codes).
.PHONY: iso
iso:
	$(GO) run ./examples/iso/convert /usr/share/iso-codes/json examples/iso/seed
