/* digest.c - is a file what its etag says?
 *
 * The hub's etags are digests of the content: SHA-256 for what lies in large file storage, and git's
 * name of a blob (SHA-1 over "blob LENGTH\0" and the bytes) for the rest. Etags of other makes (a
 * mirror's) say nothing that could be checked; the length was checked by then.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hub/inside.h"

static int feed(EVP_MD_CTX *ctx, int fd)
{
    char block[64 << 10];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(fd, block, sizeof(block), at)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (EVP_DigestUpdate(ctx, block, (size_t)n) != 1)
            return -EIO;
        at += n;
    }
    return 0;
}

/* The digest of `head` and the file, in hexadecimal digits. */
static int digest(const EVP_MD *kind, const char *head, size_t n_head, int fd, char *out)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int rc = ctx ? 0 : -ENOMEM;

    if (rc == 0 &&
        (EVP_DigestInit_ex(ctx, kind, NULL) != 1 || EVP_DigestUpdate(ctx, head, n_head) != 1))
        rc = -EIO;
    if (rc == 0)
        rc = feed(ctx, fd);
    if (rc == 0 && EVP_DigestFinal_ex(ctx, sum, &n) != 1)
        rc = -EIO;
    for (unsigned i = 0; rc == 0 && i < n; i++)
        (void)snprintf(out + (size_t)2 * i, 3, "%02x", sum[i]);
    EVP_MD_CTX_free(ctx);
    return rc;
}

int tk__hub_verify(int fd, int64_t size, const char *etag)
{
    char hex[2 * EVP_MAX_MD_SIZE + 1], head[32];
    size_t n = strlen(etag);
    int rc;

    if (strspn(etag, "0123456789abcdef") != n || (n != 64 && n != 40))
        return 0;
    if (n == 64)
        rc = digest(EVP_sha256(), "", 0, fd, hex);
    else
        rc = digest(EVP_sha1(), head,
                    (size_t)snprintf(head, sizeof(head), "blob %lld", (long long)size) + 1, fd,
                    hex);
    return rc != 0 ? rc : strcmp(hex, etag) == 0 ? 0 : -EBADMSG;
}
