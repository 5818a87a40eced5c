# SPDX-License-Identifier: Apache-2.0
# The demo phone: our files and JsSIP from npm, put together in $(O)/phone.

.PHONY: phone
phone:
