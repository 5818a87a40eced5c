# SPDX-License-Identifier: Apache-2.0
# Tests. Every test speaks TAP; selftests/run adds them up.

UNIT_SRC := $(sort $(wildcard selftests/unit/test_*.c))
UNIT_BIN := $(UNIT_SRC:selftests/unit/%.c=$(O)/unit/%)

$(O)/unit/%: $(O)/selftests/unit/%.o $(O)/libsluiced.a
	$(Q)mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: unit
unit: $(UNIT_BIN)

# Tests of BPF objects by BPF_PROG_TEST_RUN; they need root and skip without.
BPF_TEST_SRC := $(sort $(wildcard selftests/bpf/test_*.c))
BPF_TEST_BIN := $(BPF_TEST_SRC:selftests/bpf/%.c=$(O)/bpf/%)

$(O)/bpf/%: $(O)/selftests/bpf/%.o $(O)/libsluiced.a | bpf
	$(Q)mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# Those that load a program themselves run once more, with its other object.
BPF_ARENA_TEST := $(foreach t,relay convert stream rtcp legs consent door crypt, \
	$(O)/bpf/test_$(t)_arena)
BPF_TEST_BIN += $(BPF_ARENA_TEST)

$(BPF_ARENA_TEST): $(O)/bpf/%_arena: $(O)/bpf/%
	$(Q)cp $< $@

.PHONY: bpftest
bpftest: $(BPF_TEST_BIN)

# What `make check` runs, in this order; each part also by itself. The net and
# browser tests need root: they lay out network namespaces of their own.
RUN = O=$(abspath $(O)) V=$(V) selftests/run
UNIT_SAN := $(UNIT_SRC:selftests/unit/%.c=$(O)/san/unit/%)
VM_TEST := selftests/vm/kernels.sh
NET_TESTS := $(sort $(wildcard selftests/net/*.sh))
BROWSER_TESTS := $(sort $(wildcard selftests/browser/*.sh))

# The daemon of the net tests has the sanitizers; that of the browser tests,
# which judge media in real time, has not. Net tests wait most of their time,
# for timers of SIP, and go by twos.
NET_JOBS := 2
.PHONY: check check-unit check-bpf check-vm check-net check-browser unit-san \
	all-san
unit-san:
	$(Q)$(MAKE) SAN=1 unit
all-san: all
	$(Q)$(MAKE) SAN=1 all

check: all all-san bpftest unit-san fuzz-build $(O)/perf/soak ## every test; check-unit, -bpf, -vm, -net, -browser, -fuzz: a part
	$(Q)$(RUN) $(UNIT_SAN) selftests/fuzz/short.sh $(BPF_TEST_BIN) \
		$(VM_TEST) SAN=1 JOBS=$(NET_JOBS) $(NET_TESTS) \
		SAN=0 JOBS=1 $(BROWSER_TESTS)
check-unit: unit-san
	$(Q)$(RUN) $(UNIT_SAN)
check-bpf: bpftest
	$(Q)$(RUN) $(BPF_TEST_BIN)
# On old kernels, in virtual machines.
check-vm: bpftest
	$(Q)$(RUN) $(VM_TEST)
check-net: all all-san $(O)/perf/soak
	$(Q)$(RUN) SAN=1 JOBS=$(NET_JOBS) $(NET_TESTS)
# The same test as in check, for half an hour.
.PHONY: soak
soak: all $(O)/perf/soak ## what 100,000 calls, registrations and connections leave behind
	$(Q)O=$(abspath $(O)) CLIENTS=$(or $(CLIENTS),500) \
		CALLS=$(or $(CALLS),10000) ROUNDS=$(or $(ROUNDS),3) \
		selftests/net/soak.sh
check-browser: all
	$(Q)$(RUN) $(BROWSER_TESTS)
