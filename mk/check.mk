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
