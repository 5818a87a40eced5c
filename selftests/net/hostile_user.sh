#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# hostile.sh again, with the media through the daemon.
export DATAPATH=user TEST_NAME=hostile_user
exec "$(dirname "$0")/hostile.sh"
