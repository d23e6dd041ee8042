/* base/wire/spec.h: the sizes a sandbox comes in. What is not in the table is adjusted to the nearest that covers it:
 * the smallest vCPU and memory that are both at least what was asked; never rounded down. Spec numbers are positions
 * in a table version and never change meaning within it. */
#ifndef DM_BASE_WIRE_SPEC_H
#define DM_BASE_WIRE_SPEC_H

#include "base/str.h"

enum { DM_SPEC_TABLE = 1 };
enum { DM_SPEC_TOO_LARGE = 1 }; /* nothing in the table covers it */

typedef struct dm_spec {
    uint16_t table;
    uint16_t no; /* from 1 */
    uint32_t vcpus;
    uint32_t mem_mib;
} dm_spec;

/* Of a table version; NULL for an unknown one. */
const dm_spec *dm_spec_get(uint16_t table, uint16_t no);
size_t dm_spec_count(uint16_t table);

/* The cheapest by vCPU x vcpu_price + memory x mem_price among those that cover, in the newest table; prices are only
 * compared. 0 or DM_SPEC_TOO_LARGE. */
int dm_spec_adjust(uint32_t vcpus, uint32_t mem_mib, const dm_spec **out) DM_NODISCARD;

/* "2c1g", "1c256m": what a virtual tag says. DM_E_INVALID when the word has not that shape. */
int dm_spec_parse(dm_str tag, uint32_t *vcpus, uint32_t *mem_mib, dm_err *err) DM_NODISCARD;

#endif
