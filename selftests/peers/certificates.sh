# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Certificates for SIP over TLS, made in $KEYS. Sourced.

KEYS=

# ca NAME
ca()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-subj "/CN=$1" -days 2 -keyout "$KEYS/$1.key" \
		-out "$KEYS/$1.crt" 2>/dev/null
}

# certificate NAME CA SAN [ARGUMENT...]
certificate()
{
	local name=$1 ca=$2 san=$3
	shift 3
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-subj "/CN=$name" -keyout "$KEYS/$name.key" \
		-out "$KEYS/$name.csr" 2>/dev/null &&
	openssl x509 -req -in "$KEYS/$name.csr" -CA "$KEYS/$ca.crt" \
		-CAkey "$KEYS/$ca.key" -CAcreateserial "$@" \
		-extfile <(echo "subjectAltName=$san") \
		-out "$KEYS/$name.crt" 2>/dev/null
}
