# SPDX-License-Identifier: Apache-2.0
# `make install DESTDIR= PREFIX=`. Paths in the unit follow PREFIX; the
# configuration of a running system is never overwritten.

INSTALL ?= install
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
DEST := $(DESTDIR)$(PREFIX)
DOCS := README.md $(wildcard Documentation/*.rst)

# install_to MODE FOLDER FILES: into $(DESTDIR), quietly.
define install_to
	$(say) INSTALL $(2)
	$(Q)$(INSTALL) -d $(2)
	$(Q)$(INSTALL) -m $(1) $(3) $(2)
endef

.PHONY: install uninstall
install: all ## programs, BPF object, phone, man pages, unit (DESTDIR=, PREFIX=)
	$(call install_to,0755,$(DEST)/sbin,$(O)/sluiced)
	$(call install_to,0755,$(DEST)/bin,$(O)/sluicectl)
	$(call install_to,0644,$(DEST)/lib/sluice,$(O)/sluice_xdp.bpf.o \
		$(O)/sluice_xdp_arena.bpf.o \
		$(O)/contract2.bpf.o $(O)/xdp-dispatcher.o)
	$(call install_to,0644,$(DEST)/share/sluice/phone,$(O)/phone/*)
	$(call install_to,0644,$(DEST)/share/man/man8,Documentation/man/*.8)
	$(call install_to,0644,$(DEST)/share/man/man5,Documentation/man/*.5)
	$(call install_to,0644,$(DEST)/share/doc/sluice,$(DOCS))
	$(call install_to,0644,$(DEST)/share/doc/sluice/examples,config/sluice.conf)
	$(say) INSTALL $(DEST)/share/bash-completion/completions
	$(Q)$(INSTALL) -d $(DEST)/share/bash-completion/completions
	$(Q)$(INSTALL) -m 0644 tools/completion.bash \
		$(DEST)/share/bash-completion/completions/sluicectl
	$(Q)$(INSTALL) -d $(DEST)/lib/sysusers.d
	$(Q)$(INSTALL) -m 0644 config/sluice.sysusers \
		$(DEST)/lib/sysusers.d/sluice.conf
	$(say) INSTALL $(DESTDIR)$(UNITDIR)
	$(Q)$(INSTALL) -d $(DESTDIR)$(UNITDIR)
	$(Q)sed 's|@PREFIX@|$(PREFIX)|g' config/sluice.service \
		>$(DESTDIR)$(UNITDIR)/sluice.service
	$(Q)chmod 0644 $(DESTDIR)$(UNITDIR)/sluice.service
	$(Q)$(INSTALL) -d -m 0755 $(DESTDIR)$(SYSCONFDIR)/sluice
	$(Q)[ -e $(DESTDIR)$(SYSCONFDIR)/sluice/sluice.conf ] || \
		$(INSTALL) -m 0640 config/sluice.conf \
			$(DESTDIR)$(SYSCONFDIR)/sluice/sluice.conf

uninstall: ## what install put there, but for the configuration
	$(Q)rm -f $(DEST)/sbin/sluiced $(DEST)/bin/sluicectl \
		$(DEST)/share/bash-completion/completions/sluicectl \
		$(DEST)/share/man/man8/sluiced.8 \
		$(DEST)/share/man/man8/sluicectl.8 \
		$(DEST)/share/man/man5/sluice.conf.5 \
		$(DEST)/lib/sysusers.d/sluice.conf \
		$(DESTDIR)$(UNITDIR)/sluice.service
	$(Q)rm -rf $(DEST)/lib/sluice $(DEST)/share/sluice \
		$(DEST)/share/doc/sluice
