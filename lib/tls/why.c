/* SPDX-License-Identifier: ISC */
/* why: the tables from OpenSSL's codes to reasons. */
#include "lib/tls/why.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "lib/base/list.h"

struct mapping {
	int		code;
	enum why_reason	reason;
};

static const struct mapping certificate_errors[] = {
	{ X509_V_ERR_CERT_NOT_YET_VALID,		WHY_CERT_EXPIRED },
	{ X509_V_ERR_CERT_HAS_EXPIRED,			WHY_CERT_EXPIRED },
	{ X509_V_ERR_HOSTNAME_MISMATCH,			WHY_CERT_MISMATCH },
	{ X509_V_ERR_IP_ADDRESS_MISMATCH,		WHY_CERT_MISMATCH },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,		WHY_CERT_NOT_TRUSTED },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,	WHY_CERT_NOT_TRUSTED },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,	WHY_CERT_NOT_TRUSTED },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,	WHY_CERT_NOT_TRUSTED },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,		WHY_CERT_NOT_TRUSTED },
	{ X509_V_ERR_CERT_UNTRUSTED,			WHY_CERT_NOT_TRUSTED },
	{ X509_V_ERR_CERT_REJECTED,			WHY_CERT_NOT_TRUSTED },
	{ X509_V_ERR_DANE_NO_MATCH,			WHY_TLSA_MISMATCH },
	{ X509_V_ERR_EE_KEY_TOO_SMALL,			WHY_TLS_TOO_OLD },
	{ X509_V_ERR_CA_KEY_TOO_SMALL,			WHY_TLS_TOO_OLD },
	{ X509_V_ERR_CA_MD_TOO_WEAK,			WHY_TLS_TOO_OLD },
};

/* Handshake failures of OpenSSL's own finding. */
static const struct mapping handshake_errors[] = {
	{ SSL_R_UNEXPECTED_EOF_WHILE_READING,		WHY_TLS_EOF },
	{ SSL_R_UNSUPPORTED_PROTOCOL,			WHY_TLS_TOO_OLD },
	{ SSL_R_WRONG_SSL_VERSION,			WHY_TLS_TOO_OLD },
	{ SSL_R_VERSION_TOO_LOW,			WHY_TLS_TOO_OLD },
	{ SSL_R_UNKNOWN_SSL_VERSION,			WHY_TLS_TOO_OLD },
	{ SSL_R_NO_SHARED_CIPHER,			WHY_TLS_TOO_OLD },
	{ SSL_R_DH_KEY_TOO_SMALL,			WHY_TLS_TOO_OLD },
	{ SSL_R_EE_KEY_TOO_SMALL,			WHY_TLS_TOO_OLD },
	{ SSL_R_CA_KEY_TOO_SMALL,			WHY_TLS_TOO_OLD },
	{ SSL_R_CA_MD_TOO_WEAK,				WHY_TLS_TOO_OLD },
	{ SSL_R_WRONG_SIGNATURE_TYPE,			WHY_TLS_TOO_OLD },
	{ SSL_R_LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED, WHY_TLS_TOO_OLD },
	{ SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,	WHY_TLS_TOO_OLD },
	{ SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED,	WHY_TLS_TOO_OLD },
	{ SSL_R_EXCESSIVE_MESSAGE_SIZE,			WHY_CERT_INVALID },
	{ SSL_R_BAD_SIGNATURE,				WHY_CERT_INVALID },
	{ SSL_R_CERT_LENGTH_MISMATCH,			WHY_CERT_INVALID },
	{ SSL_R_UNKNOWN_CERTIFICATE_TYPE,		WHY_CERT_INVALID },
	/* What the peer says by alert. */
	{ SSL_AD_REASON_OFFSET + SSL_AD_PROTOCOL_VERSION,	WHY_TLS_TOO_OLD },
	{ SSL_AD_REASON_OFFSET + SSL_AD_INSUFFICIENT_SECURITY,	WHY_TLS_TOO_OLD },
};

static enum why_reason
reason_of(const struct mapping *table, size_t n, int code, enum why_reason otherwise)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].code == code)
			return table[i].reason;
	return otherwise;
}

static int
why_library(unsigned long e, struct why *why)
{
	const char *text = ERR_reason_error_string(e);
	int lib = ERR_GET_LIB(e), code = ERR_GET_REASON(e);

	if (text == NULL)
		text = "unknown error";
	if (lib == ERR_LIB_ASN1 || lib == ERR_LIB_X509 || lib == ERR_LIB_X509V3)
		return why_set(why, WHY_CERT_INVALID, "unreadable certificate: %s", text);
	if (lib != ERR_LIB_SSL)
		return why_set(why, WHY_TLS_ALERT, "TLS handshake: %s", text);
	return why_set(why, reason_of(handshake_errors, LENGTH(handshake_errors), code,
	    WHY_TLS_ALERT), "TLS handshake: %s", text);
}

int
tls_why_handshake(SSL *ssl, int ssl_error, struct why *why)
{
	int saved = errno;
	unsigned long e = ERR_peek_error();

	ERR_clear_error();
	if (ssl_error == SSL_ERROR_SSL && e != 0)
		return why_library(e, why);
	if (ssl_error == SSL_ERROR_SYSCALL && saved != 0)
		return why_set(why, WHY_TLS_EOF, "TLS handshake: %s", strerror(saved));
	if (ssl_error == SSL_ERROR_SYSCALL || ssl_error == SSL_ERROR_ZERO_RETURN)
		return why_set(why, WHY_TLS_EOF, "connection closed during the TLS handshake (%s)",
		    SSL_state_string_long(ssl));
	return why_set(why, WHY_TLS_ALERT, "TLS handshake did not finish (%s)",
	    SSL_state_string_long(ssl));
}

int
tls_why_certificate(const struct tls_facts *f, struct why *why)
{
	if (f->fingerprint[0] == '\0')
		return why_set(why, WHY_CERT_INVALID, "no certificate was shown");
	if (!f->pkix_chain)
		return why_set(why, reason_of(certificate_errors, LENGTH(certificate_errors),
		    (int)f->pkix_error, WHY_CERT_INVALID), "certificate of %s: %s", f->subject,
		    X509_verify_cert_error_string(f->pkix_error));
	if (!f->pkix_name)
		return why_set(why, WHY_CERT_MISMATCH,
		    "certificate of %s does not name this host", f->subject);
	return why_set(why, WHY_CERT_INVALID, "certificate of %s", f->subject);
}

int
tls_why_tlsa(const struct tls_facts *f, struct why *why)
{
	if (f->dane_usable == 0)
		return why_set(why, WHY_TLSA_INVALID, "no TLSA record is usable");
	if (f->fingerprint[0] == '\0')
		return why_set(why, WHY_CERT_INVALID, "no certificate was shown");
	return why_set(why, reason_of(certificate_errors, LENGTH(certificate_errors),
	    (int)f->dane_error, WHY_TLSA_MISMATCH), "certificate of %s against %d TLSA records: %s",
	    f->subject, f->dane_usable, X509_verify_cert_error_string(f->dane_error));
}
