/* mbedTLS as Byway builds it: what is named here is in, nothing else (MBEDTLS_CONFIG_FILE replaces the
 * library's own configuration). Handshakes of TLS 1.2 and 1.3 in both roles, with ECDHE and an AEAD only;
 * X.509 read and written. No SHA-1, CBC, static RSA, finite fields, DTLS, renegotiation, compression or early
 * data: what is not compiled cannot be negotiated.
 *
 * C, included by the library and by tls/: everything that includes an mbedTLS header must see the same
 * configuration, so that only tls/ does and all of it links mbedtls_dep. */
#pragma once

/* Platform. Memory comes through hooks, so that it is counted and bounded per worker (tls/mbedtls_memory.h).
 * The time is the caller's: protocols read no clock (tls/mbedtls_platform.h). */
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_TIME_ALT
#define MBEDTLS_PLATFORM_MS_TIME_ALT
/* Contexts are one worker's; PSA's table of keys and RSA blinding are the process's and have locks. */
#define MBEDTLS_THREADING_C
#define MBEDTLS_THREADING_PTHREAD
#define MBEDTLS_VERSION_C

/* Symmetric primitives and hashes. */
#define MBEDTLS_AES_C
#define MBEDTLS_AESNI_C
/* Tables that are built at the first use are built by whichever thread comes first. */
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_GCM_C
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_CIPHER_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_MD_C
#define MBEDTLS_HKDF_C

/* Public keys: X25519, P-256, P-384 for the key exchange; ECDSA and RSA (2048 bits and more, see the profile
 * in tls/handshake_context.cpp) for signatures. mbedTLS has no Ed25519. */
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_OID_C
/* RSA of 4096 bits is the longest key; a longer one of a stranger is not even computed with. */
#define MBEDTLS_MPI_MAX_SIZE 512

/* PSA: TLS 1.3 is built on it. With USE_PSA_CRYPTO so are TLS 1.2 and X.509, so that one set of driver
 * entries accelerates all. Random bytes are the kernel's (tls/mbedtls_platform.cpp): no state of ours that a
 * fork or a cloned machine could repeat. Buffers belong to this process alone, so PSA need not copy them. */
#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_USE_PSA_CRYPTO
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
#define MBEDTLS_PSA_KEY_STORE_DYNAMIC
#define MBEDTLS_PSA_ASSUME_EXCLUSIVE_BUFFERS

/* X.509 and keys, read and written (DER, PEM). */
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_BASE64_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_PEM_WRITE_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_PK_WRITE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_CSR_PARSE_C
#define MBEDTLS_X509_CREATE_C
#define MBEDTLS_X509_CRT_WRITE_C
#define MBEDTLS_X509_CSR_WRITE_C
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT
#define MBEDTLS_X509_REMOVE_INFO
/* Certificates between a leaf and its trust anchor. Public chains have one or two, cross-signed ones three;
 * each costs a stranger nothing and us a signature check. */
#define MBEDTLS_X509_MAX_INTERMEDIATE_CA 4

/* TLS. PSK with (EC)DHE is there for resumption; tickets are written by Byway, never by mbedTLS. */
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_SRV_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_TLS1_3_DEFAULT_NEW_SESSION_TICKETS 0
#define MBEDTLS_SSL_SESSION_TICKETS
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED
#define MBEDTLS_SSL_ALL_ALERT_MESSAGES
#define MBEDTLS_SSL_ALPN
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
/* A peer may send records of 16 KiB (RFC 8446 5.1). What we send in one handshake message is our certificate
 * chain at most, which handshake_context.h bounds. */
#define MBEDTLS_SSL_IN_CONTENT_LEN 16384
#define MBEDTLS_SSL_OUT_CONTENT_LEN 8192
#define MBEDTLS_SSL_CIPHERSUITES                                                                            \
  MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,                                     \
      MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,             \
      MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,       \
      MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, \
      MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
/* No padding of our handshake records: their size tells nothing that their order does not. */
#define MBEDTLS_SSL_CID_TLS1_3_PADDING_GRANULARITY 1
