# SPDX-License-Identifier: Apache-2.0
# Sluice. `make help` lists the targets.

O ?= build
V ?= 0
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= gcc
CLANG ?= clang-19
VERSION := 0.1.0

ifeq ($(V),1)
Q :=
say = @true
else
Q := @
say = @printf '  %-8s%s\n'
MAKEFLAGS += --no-print-directory
endif

# SAN=1: address and undefined behaviour sanitizers, in a tree of its own.
ifeq ($(SAN),1)
override O := $(O)/san
SAN_FLAGS := -fsanitize=address,undefined -fno-omit-frame-pointer \
	-fno-sanitize-recover=undefined
endif

PKGS := libbpf libxdp libssl libcrypto libsrtp2 sofia-sip-ua libwebsockets \
	libuv libmnl libconfig jansson sqlite3
include mk/flags.mk

USER_DIRS := core conf wss sip registrar rules call sdp media datapath store ctl
USER_SRC := $(sort $(foreach d,$(USER_DIRS),$(wildcard userspace/$(d)/*.c)))
USER_OBJ := $(USER_SRC:%.c=$(O)/%.o)
MAIN_OBJ := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard userspace/*.c)))
CLI_SRC := $(sort $(wildcard tools/*.c))
CLI_OBJ := $(CLI_SRC:%.c=$(O)/%.o)
BPF_SRC := $(sort $(wildcard bpf/*.bpf.c selftests/bpf/*.bpf.c \
	selftests/perf/*.bpf.c))
BPF_OBJ := $(foreach f,$(BPF_SRC),$(O)/$(notdir $(f:.c=.o))) \
	$(O)/sluice_xdp_arena.bpf.o $(O)/crypt_arena.bpf.o \
	$(O)/xdp-dispatcher.o
BPF_HDR := $(wildcard bpf/*.h bpf/*/*.h)

.PHONY: all
all: $(O)/sluiced $(O)/sluicectl bpf phone ## daemon, CLI, BPF object, demo phone (default)

.PHONY: bpf
bpf: $(BPF_OBJ)

$(O)/libsluiced.a: $(USER_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcsP $@ $^

$(O)/sluiced: $(MAIN_OBJ) $(O)/libsluiced.a
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/sluicectl: $(CLI_OBJ) $(O)/libsluiced.a
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CLI_LIBS)

$(O)/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(say) CC $@
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

define bpf_rule
$(O)/$(notdir $(1:.c=.o)): $(1) $(BPF_HDR)
	$(Q)mkdir -p $$(@D)
	$(say) BPF $$@
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $$@ $$<
endef
$(foreach f,$(BPF_SRC),$(eval $(call bpf_rule,$(f))))

# The same with tables in an arena, for kernels that have them (lib/aes.h).
$(O)/sluice_xdp_arena.bpf.o: bpf/sluice_xdp.bpf.c $(BPF_HDR)
$(O)/crypt_arena.bpf.o: selftests/bpf/crypt.bpf.c $(BPF_HDR)
$(O)/%_arena.bpf.o:
	$(Q)mkdir -p $(@D)
	$(say) BPF $@
	$(Q)$(CLANG) $(BPF_CFLAGS) -DSLUICE_ARENA -c -o $@ $<

# The name that libxdp looks for.
$(O)/xdp-dispatcher.o: $(O)/xdp_dispatcher.bpf.o
	$(Q)cp $< $@
# It is the program's source once more.
$(O)/sluice_next.bpf.o: bpf/sluice_xdp.bpf.c

include mk/phone.mk mk/deps.mk mk/demo.mk mk/check.mk mk/bench.mk mk/fuzz.mk mk/install.mk mk/style.mk

.PHONY: clean
clean: ## remove $(O)
	$(Q)rm -rf $(O)

-include $(shell [ -d $(O) ] && find $(O) -name '*.d')
