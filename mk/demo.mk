# SPDX-License-Identifier: Apache-2.0
# A look at it: `make demo`, and `make run PBX=sip:10.0.0.5` for real use.

.PHONY: demo run
demo: all ## one real call in namespaces, with a report (DATAPATH=user)
	$(Q)O=$(abspath $(O)) DATAPATH=$(or $(DATAPATH),auto) selftests/demo/demo.sh

run: all ## the gateway in the foreground: make run PBX=sip:198.51.100.10
	$(Q)O=$(abspath $(O)) PBX="$(PBX)" WEB="$(WEB)" SIP="$(SIP)" \
		DATAPATH="$(DATAPATH)" tools/run.sh
