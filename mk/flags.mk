# SPDX-License-Identifier: Apache-2.0
# Compiler and linker flags. WERROR=1 in CI.

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wno-unused-parameter
ifeq ($(WERROR),1)
WARN += -Werror
endif

CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -pthread -fstack-protector-strong $(WARN) \
	$(SAN_FLAGS)
CPPFLAGS += -Iuserspace -Ibpf -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' \
	-DSLUICE_PREFIX='"$(PREFIX)"' \
	$(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDFLAGS += -pthread $(SAN_FLAGS) -Wl,-z,relro,-z,now
LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
CLI_LIBS := $(shell pkg-config --libs jansson libbpf libxdp libmnl libcrypto libconfig 2>/dev/null)

# Debian keeps asm/types.h in the multiarch folder, unknown to -target bpf.
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter \
	-std=gnu11 -Ibpf -isystem /usr/include/$(MULTIARCH)
