#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# calls.sh again, with the media through the daemon.
export DATAPATH=user TEST_NAME=calls_user
exec "$(dirname "$0")/calls.sh"
