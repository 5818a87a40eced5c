# SPDX-License-Identifier: Apache-2.0
# What the build and the tests need and this machine lacks: Debian packages,
# and npm packages by lock file into $(O)/npm. The stamps are included as
# makefiles, so that make installs first and only then reads the tree again
# (flags.mk asks pkg-config). DEPS=0 installs nothing.

DEPS ?= 1
NPM := npm --no-fund --no-audit --no-update-notifier --loglevel=error
# One folder also for the sanitizers' tree.
NPM_DIR := $(patsubst %/san,%,$(O))/npm
DEPS_BUILD := $(NPM_DIR)/build.stamp
DEPS_TEST := $(NPM_DIR)/test.stamp

# npm_ci FOLDER NAME: its lock file's packages in $(NPM_DIR)/NAME.
define npm_ci
	$(say) NPM $(1)
	$(Q)mkdir -p $(NPM_DIR)/$(2)
	$(Q)cp $(1)/package.json $(1)/package-lock.json $(1)/.npmrc \
		$(NPM_DIR)/$(2)
	$(Q)cd $(NPM_DIR)/$(2) && $(NPM) ci --ignore-scripts >npm.log 2>&1 || \
		{ cat npm.log; exit 1; }
endef

.PHONY: deps
deps: $(DEPS_BUILD) $(DEPS_TEST) ## install what is missing from apt and npm

$(DEPS_BUILD): tools/deps.sh userspace/phone/package-lock.json
	$(Q)tools/deps.sh build
	$(call npm_ci,userspace/phone,phone)
	$(Q)echo '# installed' >$@

$(DEPS_TEST): tools/deps.sh selftests/browser/package-lock.json
	$(Q)tools/deps.sh build test
	$(call npm_ci,selftests/browser,browser)
	$(Q)echo '# installed' >$@

DEPS_GOALS := $(or $(MAKECMDGOALS),all)
ifneq ($(DEPS),0)
ifneq ($(filter-out clean help format lint,$(DEPS_GOALS)),)
include $(DEPS_BUILD)
endif
ifneq ($(filter check check-vm check-net check-browser check-fuzz fuzz demo bench soak deps,$(DEPS_GOALS)),)
include $(DEPS_TEST)
endif
endif
