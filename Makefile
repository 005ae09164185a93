# make          bin/lunguard, static
# make demo     the main job on a simulated array, checked
# make test     everything: vet, lint, unit and script tests, demo, laboratory
# make lab      the laboratory alone: a real kernel's SCSI stack in QEMU
# make matrix-lab  the main stories on every kernel, into docs/kernels.md: a quarter of an
#               hour; KERNEL=7 make lab runs all scenarios on one
# make matrix   every command under every fault, judged by an outsider, into
#               docs/honesty.md: some minutes; ONLY=regexp runs some and shows them
# make lab-fence  what fence_scsi says under faults: the last table of docs/honesty.md
# make lab-nvme  NVMe namespaces of three hosts, two of which hang in turn
# make lab-pacemaker  Pacemaker clusters in namespaces of one machine: an hour;
#               ROUNDS=2 makes fewer splits. make lab has one of these tests
# make mutants  the protocols changed in one place at a time, against their tests, into
#               docs/mutants.md: an hour or two; ONLY=regexp runs some, FULL=1 the whole
#               explorer against those that are alive
# make bench    speed beside the others, into docs/benchmarks.md: a quarter of an hour,
#               ROUNDS=3 ten minutes, FULL=1 half an hour; ONLY=sim,start,go,lab measures parts
# make benchstat  BASE=rev: the Go benchmarks of two commits
# make man-text the generated files of man/, after a change of a page
# make deb, make rpm  packages in bin/
# make release  VERSION=0.1.0, which is tagged: binaries, packages, checksums and lists of
#               parts for amd64 and arm64, in bin/release/
# make install  DESTDIR= PREFIX=/usr/local; make uninstall takes it away again
# make clean

GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=

# It waits for devices: inlined, but for what the runtime does all the time, it would be
# no faster and 400 KB more. Functions begin at multiples of 4 bytes and not of 32: 146 KB.
BUILD = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags '-s -w -funcalign=4' -gcflags all=-l -gcflags runtime/...= -gcflags sync/...= -tags urfave_cli_no_docs

.PHONY: all demo test check unit explore lab lab-pacemaker lab-nvme lab-fence matrix-lab lint man-text deb rpm release binary packages-check install uninstall clean bench benchstat mutants matrix FORCE

all: bin/lunguard

BINARY ?= bin/lunguard

bin/lunguard binary: FORCE
	$(BUILD) -o $(BINARY) .

demo: bin/lunguard
	sh testdata/demo/demo.sh --check README.md

test: check lint packages-check unit explore demo
	$(MAKE) lab

check: bin/lunguard
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags lab ./lab/...

# Tests that compare words, count bytes, start hundreds of processes, or go step by step
# through what others do beside each other: the race detector makes them four to ten times
# slower, and sees nothing new. TestScriptRaces and TestMatrixRaces are their share of it.
ALONE = ^(TestAdversity|TestAdversityForEver|TestFailBack|TestHintsExist|TestHostileConfigCost|TestJSONDocument|TestManPageComplaints|TestManualExamples|TestManualPages|TestMatrix|TestMemoryOf1024LUNs|TestMessageItems|TestMessagesCatalogue|TestMessagesComplete|TestOutputToFullDevice|TestScript|TestTrade|TestVendorFiles|TestVendorSite|TestViewLarge)$$

# The race detector needs a C compiler; testdata/need.sh gets one if it can. What
# cmgetpkgenv prints is read by the shells that package scripts are written for,
# cmviewcl's lines by awk, the units by systemd, and the manual pages by mandoc; completions are typed
# into the shells they are for.
unit: .cache/gotestsum
	@sh testdata/need.sh gcc gcc libc6-dev
	@sh testdata/need.sh ksh ksh
	@sh testdata/need.sh promtool prometheus
	@sh testdata/need.sh mksh mksh
	@sh testdata/need.sh busybox busybox
	@sh testdata/need.sh systemd-analyze systemd
	@sh testdata/need.sh gawk gawk
	@sh testdata/need.sh zsh zsh
	@sh testdata/need.sh fish fish
	@sh testdata/need.sh dh_bash-completion bash-completion
	@sh testdata/need.sh mandoc mandoc
	@set -x; .cache/gotestsum --format standard-quiet --hide-summary skipped --jsonfile .cache/unit.json -- -timeout 30m $$(command -v gcc >/dev/null && echo -race) -skip '$(ALONE)' ./...
	@set -x; .cache/gotestsum --format standard-quiet --hide-summary skipped --jsonfile .cache/alone.json -- -timeout 30m -run '$(ALONE)' ./cluster ./commands ./honesty ./protocol
	@cat .cache/alone.json >>.cache/unit.json
	@sed -n 's/.*"Output":" *matrix_test.go:[0-9]*: \([0-9].*cells.*\)\\n".*/honesty: \1/p' .cache/unit.json
	@echo 'the slowest of them:'; .cache/gotestsum tool slowest --num 10 --threshold 0s --jsonfile .cache/unit.json

# Every interleaving of the protocols. One goroutine, by its own schedule: there
# is nothing in it for the race detector, which would make it ten times slower.
explore:
	$(GO) test -count=1 -timeout 20m -v -run '^TestExplore' ./protocol >.explore.out || { cat .explore.out; exit 1; }
	@sed -n 's/^.*explored: /  /p' .explore.out
	@awk '/explored: / { for (i = 1; i < NF; i++) { if ($$(i+1) ~ /^configurations,/) n += $$i; if ($$(i+1) == "states") { sum += $$i } } } END { printf "explored: %d configurations, %d states\n", n, sum }' .explore.out; rm -f .explore.out

# staticcheck is pinned in a module of its own, so that it is nobody's
# dependency.
lint: .cache/staticcheck
	.cache/staticcheck ./...
	.cache/staticcheck -tags lab ./lab/...

.cache/gotestsum: tools/go.mod
	$(GO) build -C tools -o $(CURDIR)/$@ gotest.tools/gotestsum

.cache/staticcheck: tools/go.mod
	$(GO) build -C tools -o $(CURDIR)/$@ honnef.co/go/tools/cmd/staticcheck

deb: bin/lunguard
	@sh testdata/need.sh dpkg-deb dpkg
	@sh dist/package/build.sh deb

rpm: bin/lunguard
	@sh testdata/need.sh rpmbuild rpm
	@sh dist/package/build.sh rpm

release:
	@sh testdata/need.sh dpkg-deb dpkg
	@sh testdata/need.sh rpmbuild rpm
	@sh dist/release.sh '$(VERSION)'

packages-check: bin/lunguard
	@sh dist/package/check.sh

lab: bin/lunguard
	$(GO) run ./lab

lab-pacemaker: bin/lunguard
	$(GO) run ./lab -only pacemaker -v -timeout 2h $(if $(ROUNDS),-rounds $(ROUNDS))

lab-nvme: bin/lunguard
	$(GO) run ./lab -only nvme

lab-fence: bin/lunguard
	$(GO) run ./lab -v -run TestFenceScsiFaults

matrix-lab: bin/lunguard
	$(GO) run ./lab/matrix
	$(GO) run ./lab -only nvme

# The page of messages is made first, then the archive.
man-text:
	@sh testdata/need.sh mandoc mandoc
	@sh testdata/need.sh bzip2 bzip2
	$(GO) test -count=1 ./man -run TestMessages -update
	$(GO) test -count=1 ./man -run TestPacked -update
	$(GO) test -count=1 ./man

# Whether what the commands say is so: docs/honesty.md.
matrix:
	$(GO) test -count=1 -timeout 60m -v ./honesty -run '^TestMatrix$$' $(if $(ONLY),-only '$(ONLY)',-all -update)

# Whether the tests notice what is wrong: docs/mutants.md.
mutants:
	$(GO) run ./mutants -only '$(ONLY)' $(if $(FULL),-full)

# Ours beside the others: docs/benchmarks.md.
bench: bin/lunguard
	@sh testdata/need.sh sg_persist sg3-utils
	$(GO) build -o .cache/lunguard-bench ./bench
	.cache/lunguard-bench -only '$(ONLY)' -rounds $(or $(ROUNDS),5) $(if $(FULL),-full)

# The Go benchmarks of the work tree and of another commit: make benchstat BASE=rev
benchstat: .cache/benchstat
	$(GO) run ./bench -rounds 8 -compare '$(or $(BASE),HEAD)'

.cache/benchstat: tools/go.mod
	$(GO) build -C tools -o $(CURDIR)/$@ golang.org/x/perf/cmd/benchstat

install: bin/lunguard
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' sh dist/install.sh install

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' sh dist/install.sh uninstall

clean:
	rm -rf bin .cache
