/* SPDX-License-Identifier: Apache-2.0 */
#include "media/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "media/media.h"

#define IDENTITY_DAYS	3650

static int add_address(X509 *cert, const struct addr *address)
{
	char ip[ADDR_STRLEN], value[ADDR_STRLEN + 4];
	X509_EXTENSION *ext;
	int ok;

	if (!address || !addr_is_set(address))
		return 0;
	snprintf(value, sizeof(value), "IP:%s", addr_format_ip(address, ip));
	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);
	if (!ext)
		return -EINVAL;
	ok = X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok ? 0 : -ENOMEM;
}

static int make_certificate(EVP_PKEY *key, const struct addr *address,
			    X509 **ret)
{
	X509 *cert = X509_new();
	X509_NAME *name;
	uint64_t serial;

	if (!cert)
		return -ENOMEM;
	if (RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1)
		goto err;
	name = X509_get_subject_name(cert);
	/* Positive and not zero, RFC 5280 4.1.2.2. */
	if (!X509_set_version(cert, X509_VERSION_3) ||
	    !ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert),
				     (serial >> 1) | 1) ||
	    !X509_gmtime_adj(X509_getm_notBefore(cert), -86400) ||
	    !X509_time_adj_ex(X509_getm_notAfter(cert), IDENTITY_DAYS, 0,
			      NULL) ||
	    !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					(const unsigned char *)"sluice", -1,
					-1, 0) ||
	    !X509_set_issuer_name(cert, name) ||
	    !X509_set_pubkey(cert, key) || add_address(cert, address) ||
	    !X509_sign(cert, key, EVP_sha256()))
		goto err;
	*ret = cert;
	return 0;
err:
	X509_free(cert);
	return -EIO;
}

/* Complete or not at all: written beside its place, then renamed. */
static int store(const char *path, X509 *cert, EVP_PKEY *key)
{
	char tmp[PATH_MAX];
	FILE *f;
	int fd, ok, err;

	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w");
	if (!f) {
		err = -errno;
		close(fd);
		unlink(tmp);
		return err;
	}
	if (key)
		ok = PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	else
		ok = PEM_write_X509(f, cert);
	ok = ok && !fflush(f) && !fsync(fd);
	if (fclose(f) || !ok || rename(tmp, path)) {
		err = errno ? -errno : -EIO;
		unlink(tmp);
		return err;
	}
	return 0;
}

static int make_pair(const char *certificate, const char *private_key,
		     const struct addr *address)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = NULL;
	int err;

	if (!key)
		return -EIO;
	err = make_certificate(key, address, &cert);
	/* The key first: a certificate alone would stop the next start. */
	if (!err)
		err = store(private_key, NULL, key);
	if (!err)
		err = store(certificate, cert, NULL);
	X509_free(cert);
	EVP_PKEY_free(key);
	return err;
}

static int load_pair(const char *certificate, const char *private_key,
		     struct identity *id)
{
	FILE *f = fopen(certificate, "re");

	if (!f)
		return -errno;
	id->certificate = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	f = fopen(private_key, "re");
	if (!f)
		return -errno;
	id->key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	if (!id->certificate || !id->key ||
	    X509_check_private_key(id->certificate, id->key) != 1)
		return -EINVAL;
	return 0;
}

/* RFC 8122 5: upper-case hex, colons. */
static int fingerprint(struct identity *id)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int len;
	char *p = id->fingerprint;

	if (!X509_digest(id->certificate, EVP_sha256(), md, &len))
		return -EIO;
	p += sprintf(p, "sha-256 ");
	for (unsigned int i = 0; i < len; i++)
		p += sprintf(p, i ? ":%02X" : "%02X", md[i]);
	return 0;
}

int identity_load(const char *certificate, const char *private_key,
		  const struct addr *address, struct identity *ret)
{
	struct identity id = { 0 };
	int err = 0;

	if (access(certificate, F_OK) && access(private_key, F_OK)) {
		err = make_pair(certificate, private_key, address);
		if (err) {
			log_err("%s: cannot make a certificate: %s",
				certificate, strerror(-err));
			return err;
		}
		log_info("%s: new self-signed certificate", certificate);
	}
	err = load_pair(certificate, private_key, &id);
	if (!err)
		err = fingerprint(&id);
	if (err) {
		log_err("%s, %s: not a certificate and its key: %s",
			certificate, private_key, strerror(-err));
		identity_clear(&id);
		return err;
	}
	*ret = id;
	return 0;
}

void identity_clear(struct identity *id)
{
	X509_free(id->certificate);
	EVP_PKEY_free(id->key);
	memset(id, 0, sizeof(*id));
}

int media_certificate_expiry(const char *file, int64_t *ret)
{
	FILE *f = fopen(file, "re");
	X509 *cert;
	struct tm tm;
	int ok;

	if (!f)
		return -errno;
	cert = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	ok = cert && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm);
	X509_free(cert);
	if (!ok)
		return -EINVAL;
	*ret = (int64_t)timegm(&tm);
	return 0;
}
