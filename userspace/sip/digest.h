/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIP_DIGEST_H
#define SIP_DIGEST_H

/*
 * Value of a WWW- or Proxy-Authenticate header without auth-int in its qop
 * lists (RFC 7616 3.3); a qop left empty goes as a whole. The gateway changes
 * bodies, so that a digest over them could not be right end to end. To be
 * freed; NULL if memory is out.
 */
char *digest_without_auth_int(const char *challenge);

#endif
