# make            build ./build/mbe
# make demo       install what is missing, build, back up a busy throwaway server, restore it, compare every table;
#                 on MySQL if that is installed, else on MariaDB; FLAVOUR=mysql-9.7 fetches one
# make test       install what is missing, build, run every test (see docs/testing.md)
# make help       the rest
SHELL := /bin/bash
.DEFAULT_GOAL := all
# keep object files: otherwise make removes those of tests and tools when it ends, and says so behind the results
.SECONDARY:
.DELETE_ON_ERROR:

ifeq ($(origin CC),default)
CC      := gcc
endif
VERSION := $(shell cat VERSION)
BUILD   ?= build
PREFIX  ?= /usr/local
JOBS    ?= $(shell nproc)
MYSQL_PC := $(shell for p in mysqlclient libmariadb mariadb; do pkg-config --exists $$p 2>/dev/null && { echo $$p; break; }; done)
PC      := $(or $(MYSQL_PC),mysqlclient) libzstd libxxhash libcrypto zlib liblz4 liblzma jansson libcurl expat
PC_CFLAGS := $(shell pkg-config --cflags $(PC) 2>/dev/null)
PC_LIBS   := $(shell pkg-config --libs $(PC) 2>/dev/null)

WARN    := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wcast-qual
OPT     ?= -O2 -g
# one short line for each file; V=1 shows the commands
Q       := $(if $(V),,@)
say      = $(if $(V),,@echo '  $(1)  $(2)')
CFLAGS  ?=
BASE_CFLAGS = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DMBE_VERSION='"$(VERSION)"' -I. $(WARN) $(PC_CFLAGS)
ALL_CFLAGS = $(BASE_CFLAGS) $(OPT) -pthread $(CFLAGS)
LIBS    = -Wl,--as-needed $(PC_LIBS) -lbz2 -ldl -lm -pthread

# The layers, lowest first. Each is an archive; linking in this order is a check of the include arrow as well.
LAYERS  := base s3 archive server innodb myisam verify engine restore
layer_src = $(filter-out %_test.c,$(wildcard $(1)/*.c))
layer_obj = $(patsubst %.c,$(BUILD)/%.o,$(call layer_src,$(1)))
# libraries of a layer and everything it may use, in link order
deps_base    := base
deps_s3      := s3 base
deps_archive := archive s3 base
deps_server  := server base
deps_innodb  := innodb base
deps_myisam  := myisam base
deps_verify  := verify archive server innodb myisam s3 base
deps_engine  := engine verify archive server innodb myisam s3 base
deps_restore := restore verify archive server innodb myisam s3 base
deps_cli     := cli engine restore verify archive server innodb myisam s3 base
libs_of = $(patsubst %,$(BUILD)/lib%.a,$(deps_$(1)))

CLI_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out cli/main.c %_test.c,$(wildcard cli/*.c)))
UNIT    := $(patsubst %.c,$(BUILD)/%,$(wildcard $(addsuffix /*_test.c,$(LAYERS) cli)))
TOOLS   := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))
FUZZERS := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
REPLAY  := $(patsubst %,$(BUILD)/fuzz/%_replay,$(FUZZERS))
C_FILES = $(wildcard $(addsuffix /*.c,$(LAYERS) cli tests/tools tests/fuzz))
C_AND_H = $(C_FILES) $(wildcard $(addsuffix /*.h,$(LAYERS) cli tests/tools tests/fuzz))

.PHONY: all help deps-check unit tools fuzz-replay binaries test check torture demo bench bench-incremental bench-hash lint lint-format lint-layers \
        lint-shell lint-cppcheck lint-tidy asan tsan valgrind fuzz cover install uninstall clean
all: $(BUILD)/mbe

help:
	@echo 'make                    build $(BUILD)/mbe (CC=clang works; OPT="-O0 -g" to debug; V=1 shows commands)'
	@echo 'make demo               back up a busy throwaway server, restore it, compare every table;'
	@echo '                        MySQL if installed, else MariaDB; FLAVOUR=mysql-9.7 or another of tests/fetch-servers'
	@echo 'make test               install what is missing, build, run every test'
	@echo 'make check              the same without installing anything'
	@echo 'make torture            oracles, storms, verify_pages with many more seeds (SEEDS=200)'
	@echo 'make bench-incremental SIZE=4G [CHANGE=10]  increments beside full backups and mariadb-backup'
	@echo 'make bench SIZE=2G      speed beside cp and mariadb-backup; on MySQL (FLAVOUR=mysql-9.7) beside CLONE'
	@echo 'make bench-hash SIZE=2G mbe hash beside CHECKSUM TABLE, pt-table-checksum and a dump (FLAVOUR=mysql-9.7)'
	@echo 'make unit               build and run the unit tests'
	@echo 'make asan | tsan        unit tests under AddressSanitizer and UBSan, or ThreadSanitizer (pipelines)'
	@echo 'make valgrind           unit tests under valgrind'
	@echo 'make fuzz FUZZ_TIME=60    libFuzzer on each of: $(FUZZERS)'
	@echo 'make fuzz-replay        build the fuzz targets as plain programs'
	@echo 'make cover              which lines the unit tests never reach ($(BUILD)/cover/)'
	@echo 'make lint               format, layers, shellcheck, cppcheck, clang-tidy'
	@echo 'make install            binary, man page, completion, systemd units, licence (PREFIX=$(PREFIX), DESTDIR=)'
	@echo 'make uninstall | clean'

# --- build ------------------------------------------------------------------------------------------------------------

# Says which library is missing instead of a screen of compiler errors.
deps-check:
	@for p in $(PC); do pkg-config --exists $$p || missing="$$missing $$p"; done; \
	 [ -z "$$missing" ] || { echo "missing libraries:$$missing (packaging/deps.sh build installs them)" >&2; exit 1; }

$(BUILD)/mbe: $(BUILD)/cli/main.o $(call libs_of,cli)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libcli.a: $(CLI_OBJ)
	@rm -f $@; ar rcs $@ $^
define LAYER_RULE
$(BUILD)/lib$(1).a: $(call layer_obj,$(1))
	@mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call LAYER_RULE,$(l))))

$(BUILD)/%.o: %.c | deps-check
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define UNIT_RULE
$(BUILD)/$(1)/%_test: $(BUILD)/$(1)/%_test.o $$(call libs_of,$(1))
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LIBS) -lcmocka
endef
$(foreach l,$(LAYERS) cli,$(eval $(call UNIT_RULE,$(l))))

$(BUILD)/tools/%: $(BUILD)/tests/tools/%.o $(call libs_of,cli)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/fuzz/%_replay: $(BUILD)/tests/fuzz/%_fuzz.o $(BUILD)/tests/fuzz/replay.o $(call libs_of,cli)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

tools: $(TOOLS)
fuzz-replay: $(REPLAY)
binaries: $(UNIT) $(REPLAY)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# --- tests ------------------------------------------------------------------------------------------------------------

ASAN_OPT := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
TSAN_OPT := -O1 -g -fsanitize=thread
SEEDS ?= 200
FUZZ_TIME ?= 60
SIZE ?= 2G
# -j for a child make, unless the caller's job server already provides
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
variant = $(MAKE) --no-print-directory $(PARALLEL) BUILD=$(BUILD)-$(1) OPT="$(2)" binaries

unit: $(UNIT)
	tests/run --build $(BUILD) --only unit

test:
	@packaging/deps.sh build test
	@$(MAKE) --no-print-directory $(PARALLEL) check

check: all tools $(UNIT)
	+@$(call variant,asan,$(ASAN_OPT))
	@tests/run --build $(BUILD) --asan-build $(BUILD)-asan

torture:
	@packaging/deps.sh build test
	@$(MAKE) --no-print-directory $(PARALLEL) all tools
	@MBE_SEEDS=$(SEEDS) tests/run --build $(BUILD) --only integration --match oracle --match storm --match verify_pages --timeout 14400

asan:
	+@$(call variant,asan,$(ASAN_OPT))
	@tests/run --build $(BUILD) --asan-build $(BUILD)-asan --only asan --only fuzz

# Only the modules that start threads; the rest has nothing to race.
tsan:
	+@$(call variant,tsan,$(TSAN_OPT))
	@tests/run --build $(BUILD)-tsan --only unit \
	    $(patsubst %,--match %,workers writer envelope reader progress log tailer tail_mysql redo_group sink_s3 sink_fanout source_s3 pace)

valgrind: $(UNIT)
	@tests/run --build $(BUILD) --only valgrind

# Finds stay in $(BUILD)-fuzz/crashes; a fixed one moves to tests/fuzz/corpus/NAME/ and is replayed by every `make test`.
FUZZ_OPT := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
fuzz:
	@$(MAKE) --no-print-directory $(PARALLEL) CC=clang BUILD=$(BUILD)-fuzz OPT="$(FUZZ_OPT)" fuzz-targets
	@mkdir -p $(BUILD)-fuzz/crashes
	@for f in $(FUZZERS); do \
	    mkdir -p $(BUILD)-fuzz/new/$$f; echo "fuzz: $$f for $(FUZZ_TIME) s"; \
	    $(BUILD)-fuzz/fuzz/$$f -max_total_time=$(FUZZ_TIME) -verbosity=0 -timeout=20 -rss_limit_mb=2048 \
	        -artifact_prefix=$(BUILD)-fuzz/crashes/$$f- $(BUILD)-fuzz/new/$$f tests/fuzz/corpus/$$f || exit 1; \
	 done
.PHONY: fuzz-targets
fuzz-targets: $(patsubst %,$(BUILD)/fuzz/%,$(FUZZERS))
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%_fuzz.o $(call libs_of,cli)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LIBS)

COVER_OPT := -O0 -g -fprofile-instr-generate -fcoverage-mapping
cover:
	@$(MAKE) --no-print-directory $(PARALLEL) CC=clang BUILD=$(BUILD)-cover OPT="$(COVER_OPT)" cover-report
.PHONY: cover-report
cover-report: $(UNIT)
	@rm -rf $(BUILD)/raw && mkdir -p $(BUILD)/raw
	@LLVM_PROFILE_FILE=$(abspath $(BUILD))/raw/%p.profraw tests/run --build $(BUILD) --only unit
	@llvm-profdata merge -o $(BUILD)/unit.profdata $(BUILD)/raw/*.profraw
	@llvm-cov report -instr-profile=$(BUILD)/unit.profdata $(patsubst %,-object %,$(UNIT)) \
	    -ignore-filename-regex='_test\.c$$' | tee $(BUILD)/report.txt
	@llvm-cov show -instr-profile=$(BUILD)/unit.profdata $(patsubst %,-object %,$(UNIT)) -format=html \
	    -ignore-filename-regex='_test\.c$$' -output-dir=$(BUILD)/html
	@echo "line by line: $(BUILD)/html/index.html"

demo:
	@packaging/deps.sh build demo
	@$(MAKE) --no-print-directory -s $(PARALLEL) all
	@tests/demo.py --mbe $(BUILD)/mbe $(if $(FLAVOUR),--flavour $(FLAVOUR))

bench:
	@packaging/deps.sh build bench
	@$(MAKE) --no-print-directory -s $(PARALLEL) all
	@bench/bench.py --mbe $(BUILD)/mbe --size $(SIZE) --json $(BUILD)/bench $(if $(FLAVOUR),--flavour $(FLAVOUR))

bench-incremental:
	@packaging/deps.sh build bench
	@$(MAKE) --no-print-directory -s $(PARALLEL) all
	@bench/incremental.py --mbe $(BUILD)/mbe --size $(SIZE) --json $(BUILD)/bench $(if $(FLAVOUR),--flavour $(FLAVOUR)) \
	    $(if $(CHANGE),--change $(CHANGE))

bench-hash:
	@packaging/deps.sh build bench
	@$(MAKE) --no-print-directory -s $(PARALLEL) all
	@bench/hash.py --mbe $(BUILD)/mbe --size $(SIZE) --json $(BUILD)/bench $(if $(FLAVOUR),--flavour $(FLAVOUR))

# --- lint -------------------------------------------------------------------------------------------------------------

lint: lint-format lint-layers lint-shell lint-cppcheck lint-tidy
	@echo 'lint: clean'

lint-format:
	@echo '  clang-format'
	@clang-format --dry-run -Werror $(C_AND_H)

lint-layers:
	@tests/lint/layers

lint-shell:
	@echo '  shellcheck'
	@shellcheck $$(grep -rlE '^#!/bin/(ba)?sh' .ci packaging tests bench | sort)

lint-cppcheck:
	@echo '  cppcheck'
	@cppcheck -q --std=c11 --language=c --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
	    -j$(JOBS) --suppressions-list=tests/lint/cppcheck.txt -I. -DMBE_VERSION='"$(VERSION)"' -D'__attribute__(x)=' $(C_FILES)

# Tests are held to less: the analyzer does not know that cmocka's assertions do not return, and fixtures are hand-made bytes.
TEST_C = $(filter %_test.c tests/%,$(C_FILES))
TIDY_TESTS = --checks=-clang-analyzer-core.*,-clang-analyzer-unix.Malloc,-cert-env33-c,-bugprone-not-null-terminated-result,-bugprone-macro-parentheses
lint-tidy: export FLAGS = $(filter-out -DMBE_VERSION%,$(BASE_CFLAGS)) -DMBE_VERSION="" -include tests/lint/analyzer.h
lint-tidy:
	@echo '  clang-tidy'
	@printf '%s\n' $(filter-out $(TEST_C),$(C_FILES)) | \
	    xargs -n 4 -P $(JOBS) sh -c 'clang-tidy --quiet "$$@" -- $$FLAGS 2>/dev/null' tidy
	@printf '%s\n' $(TEST_C) | \
	    xargs -n 4 -P $(JOBS) sh -c 'clang-tidy --quiet "$(TIDY_TESTS)" "$$@" -- $$FLAGS 2>/dev/null' tidy

# --- install ----------------------------------------------------------------------------------------------------------

bindir  = $(DESTDIR)$(PREFIX)/bin
mandir  = $(DESTDIR)$(PREFIX)/share/man/man1
compdir = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
unitdir = $(DESTDIR)$(PREFIX)/lib/systemd/system
docdir  = $(DESTDIR)$(PREFIX)/share/doc/mbe

# Manual and completion are printed by the program, from the same option table that parses the command line.
$(BUILD)/mbe.1: $(BUILD)/mbe
	$< help --man > $@
$(BUILD)/mbe.bash: $(BUILD)/mbe
	$< help --completion > $@

install: all $(BUILD)/mbe.1 $(BUILD)/mbe.bash
	install -D -m 755 $(BUILD)/mbe $(bindir)/mbe
	install -D -m 644 $(BUILD)/mbe.1 $(mandir)/mbe.1
	install -D -m 644 $(BUILD)/mbe.bash $(compdir)/mbe
	install -D -m 644 LICENSE $(docdir)/LICENSE
	install -D -m 644 README.md $(docdir)/README.md
	install -D -m 644 CHANGELOG.md $(docdir)/CHANGELOG.md
	install -D -m 644 packaging/mbe.cnf.example $(docdir)/mbe.cnf.example
	install -D -m 644 packaging/systemd/mbe@.timer $(unitdir)/mbe@.timer
	sed 's|/usr/bin/mbe|$(PREFIX)/bin/mbe|' packaging/systemd/mbe@.service > $(BUILD)/mbe@.service
	install -m 644 $(BUILD)/mbe@.service $(unitdir)/mbe@.service

uninstall:
	rm -f $(bindir)/mbe $(mandir)/mbe.1 $(compdir)/mbe $(unitdir)/mbe@.service $(unitdir)/mbe@.timer
	rm -rf $(docdir)

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz $(BUILD)-cover
