/* metering/export/data/thrift.h: Thrift's compact protocol, as far as a Parquet file needs it written. Fields of a
 * struct are added in the order of their numbers; a failed append stays on the buffer (dm_buf_ok). */
#ifndef DM_METERING_EXPORT_DATA_THRIFT_H
#define DM_METERING_EXPORT_DATA_THRIFT_H

#include "base/buf.h"

enum { DM_THRIFT_DEPTH = 8 };

typedef struct dm_thrift {
    dm_buf *b;
    unsigned depth;
    unsigned last[DM_THRIFT_DEPTH]; /* of each struct that is open, the last field's number */
} dm_thrift;

/* A struct that is not a field: an element of a list, or all there is. Ended like one that is. */
void dm_thrift_begin(dm_thrift *t);
void dm_thrift_end(dm_thrift *t);

void dm_thrift_struct(dm_thrift *t, unsigned field);
void dm_thrift_true(dm_thrift *t, unsigned field);
void dm_thrift_i16(dm_thrift *t, unsigned field, int64_t v);
void dm_thrift_i32(dm_thrift *t, unsigned field, int64_t v);
void dm_thrift_i64(dm_thrift *t, unsigned field, int64_t v);
void dm_thrift_text(dm_thrift *t, unsigned field, dm_str v);

/* Of n elements, which follow: structs by begin and end, others by the two below. */
typedef enum dm_thrift_element { DM_THRIFT_I32 = 5, DM_THRIFT_TEXT = 8, DM_THRIFT_STRUCT = 12 } dm_thrift_element;
void dm_thrift_list(dm_thrift *t, unsigned field, dm_thrift_element of, size_t n);
void dm_thrift_put_i32(dm_thrift *t, int64_t v);
void dm_thrift_put_text(dm_thrift *t, dm_str v);

/* Seven bits a byte, the lowest first. */
void dm_thrift_varint(dm_buf *b, uint64_t v);

#endif
