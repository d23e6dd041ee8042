/* base/crc32c.h: CRC-32C (Castagnoli), the checksum of frames and of the journal's records. It finds what a disk or a
 * wire broke, not what somebody forged. */
#ifndef DM_BASE_CRC32C_H
#define DM_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc is 0, or what the bytes before these gave: the same as over all of them in one go. */
uint32_t dm_crc32c(uint32_t crc, const void *p, size_t n);

#endif
