/* tests/support/testca.h: certificates of authorities that only the test knows, made by openssl. They last a day. */
#ifndef DM_TESTS_SUPPORT_TESTCA_H
#define DM_TESTS_SUPPORT_TESTCA_H

enum { DM_TESTCA_PATH = 160 };

/* A certificate (.pem) and its key (.key), beside each other in a folder of the caller's. */
typedef struct dm_testca {
    char pem[DM_TESTCA_PATH], key[DM_TESTCA_PATH];
} dm_testca;

/* name: of the two files. Stops the test when it cannot be made. */
dm_testca dm_testca_new(const char *dir, const char *name);
/* Of a server that by is answerable for. alt: "IP:127.0.0.1", "DNS:host". */
dm_testca dm_testca_issue(const dm_testca *by, const char *dir, const char *name, const char *alt);

#endif
