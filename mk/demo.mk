# SPDX-License-Identifier: Apache-2.0
# A look at it: `make demo`, and `make run PBX=sip:10.0.0.5` for real use.

.PHONY: demo run
demo: all
	$(Q)O=$(abspath $(O)) DATAPATH=$(or $(DATAPATH),auto) selftests/demo/demo.sh

run: all
	$(Q)O=$(abspath $(O)) PBX="$(PBX)" WEB="$(WEB)" SIP="$(SIP)" \
		DATAPATH="$(DATAPATH)" tools/run.sh
