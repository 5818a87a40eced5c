# SPDX-License-Identifier: Apache-2.0
# The demo phone: our files, and one script made of phone.js and JsSIP (npm).

PHONE_DIR := $(O)/phone
PHONE_FILES := index.html phone.css icon.svg
PHONE_OUT := $(PHONE_FILES:%=$(PHONE_DIR)/%) $(PHONE_DIR)/phone.js

.PHONY: phone
phone: $(PHONE_OUT)

$(PHONE_DIR)/%: userspace/phone/%
	$(Q)mkdir -p $(@D)
	$(Q)cp $< $@

$(PHONE_DIR)/phone.js: $(wildcard userspace/phone/*.js) | $(DEPS_BUILD)
	$(Q)mkdir -p $(@D)
	$(say) JS $@
	$(Q)NODE_PATH=$(abspath $(NPM_DIR))/phone/node_modules \
		$(NPM_DIR)/phone/node_modules/.bin/esbuild --bundle --minify \
		--log-level=warning --target=es2020 --define:global=window \
		--legal-comments=eof --outfile=$@ userspace/phone/phone.js
