# make            build ./build/mbe
# make test       install what is missing, build, run every test (see README)
# make help       the rest
SHELL := /bin/bash
.DEFAULT_GOAL := all

CC      ?= gcc
VERSION := $(shell cat VERSION)
BUILD   ?= build
PREFIX  ?= /usr/local
MYSQL_PC := $(shell for p in mysqlclient libmariadb mariadb; do pkg-config --exists $$p 2>/dev/null && { echo $$p; break; }; done)
PC      := $(MYSQL_PC) libzstd libxxhash libcrypto zlib liblz4 liblzma jansson

WARN    := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wcast-qual
OPT     ?= -O2 -g
CFLAGS  ?=
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DMBE_VERSION='"$(VERSION)"' -I. $(WARN) $(OPT) \
             -pthread $(shell pkg-config --cflags $(PC) 2>/dev/null) $(CFLAGS)
LIBS    = $(shell pkg-config --libs $(PC) 2>/dev/null) -lbz2 -ldl -lm -pthread

# The layers, lowest first. Each is an archive; linking in this order is a check of the include arrow as well.
LAYERS  := base archive server innodb myisam verify engine restore
layer_src = $(filter-out %_test.c,$(wildcard $(1)/*.c))
layer_obj = $(patsubst %.c,$(BUILD)/%.o,$(call layer_src,$(1)))
LAYER_LIBS := $(patsubst %,$(BUILD)/lib%.a,$(LAYERS))
# libraries of a layer and everything it may use, in link order
deps_base    := base
deps_archive := archive base
deps_server  := server base
deps_innodb  := innodb base
deps_myisam  := myisam base
deps_verify  := verify archive server innodb myisam base
deps_engine  := engine verify archive server innodb myisam base
deps_restore := restore verify archive server innodb myisam base
deps_cli     := cli engine restore verify archive server innodb myisam base
libs_of = $(patsubst %,$(BUILD)/lib%.a,$(deps_$(1)))

CLI_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out cli/main.c %_test.c,$(wildcard cli/*.c)))
UNIT    := $(patsubst %.c,$(BUILD)/%,$(wildcard $(addsuffix /*_test.c,$(LAYERS) cli)))
TOOLS   := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))

.PHONY: all unit tools
all: $(BUILD)/mbe

$(BUILD)/mbe: $(BUILD)/cli/main.o $(call libs_of,cli)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libcli.a: $(CLI_OBJ)
	@rm -f $@; ar rcs $@ $^
define LAYER_RULE
$(BUILD)/lib$(1).a: $(call layer_obj,$(1))
	@mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call LAYER_RULE,$(l))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define UNIT_RULE
$(BUILD)/$(1)/%_test: $(BUILD)/$(1)/%_test.o $$(call libs_of,$(1))
	$$(CC) $$(ALL_CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LIBS) -lcmocka
endef
$(foreach l,$(LAYERS) cli,$(eval $(call UNIT_RULE,$(l))))

$(BUILD)/tools/%: $(BUILD)/tests/tools/%.o $(call libs_of,cli)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

unit: $(UNIT)
tools: $(TOOLS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
