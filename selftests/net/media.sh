#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Media of a call by numbered packets: nothing lost, nothing twice, nothing
# changed, whatever moves below them; DTMF, keyframes and header extensions
# between the legs.
#
#	ns web              ns gw                    ns sip
#	media.js ------ 203.0.113.1 sluiced 198.51.100.1 -- .10 Kamailio
#	  203.0.113.77                                      .20 sipmedia.js

DATAPATH=${DATAPATH:-xdp}
cd "$(dirname "$0")" || exit 99
. ../lib.sh
. ../peers/peers.sh
. ../peers/gateway.sh

need_command node openssl
lab_up
topology
pbx_start
LAB_SHELL=$(peer_shell)
SLUICECTL=$O/sluicectl CONTROL=$LAB/control.sock
export LAB_SHELL SLUICECTL CONTROL

gateway_start
tap_include in_ns web node media.js
gateway_stopped

SIP_CONFIG='srtp = "sdes"' gateway_start 'srtp_profiles = (
  "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32",
  "AEAD_AES_256_GCM" );'
tap_include in_ns web node media_sdes.js
gateway_stopped gateway_with_sdes_stop_is_clean

SIP_CONFIG='dtmf = "auto"' WEB_CONFIG='dtmf = "info"' gateway_start
tap_include in_ns web node media_digits.js
gateway_stopped gateway_with_digits_stop_is_clean

SIP_CONFIG='avpf = true' gateway_start
tap_include in_ns web node media_extensions.js
gateway_stopped gateway_with_extensions_stop_is_clean
tap_done
