#include "api/kit/strangers.h"

#include <arpa/inet.h>

#include "base/rate.h"

enum { NETWORK_BYTES = 8, MINUTE_US = 60000000, TURN_US = DM_STRANGERS_TURN_S * 1000000 };

struct dm_strangers {
    dm_rate *rate;
    const dm_clock *clock;
};

int dm_strangers_new(unsigned per_min, const dm_clock *clock, dm_strangers **out, dm_err *err)
{
    DM_AUTO(dm_strangers) s = calloc(1, sizeof *s);
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for strangers");
    s->clock = clock;
    const dm_rate_config config = {.every_us = MINUTE_US / per_min, .burst = per_min, .clock = clock};
    int r = dm_rate_new(&config, &s->rate, err);
    if (r < 0)
        return r;
    *out = dm_steal(&s);
    return 0;
}

void dm_strangers_free(dm_strangers *s)
{
    if (s == NULL)
        return;
    dm_rate_free(s->rate);
    free(s);
}

/* False: it is nobody's. */
static bool name_of(const dm_strangers *s, dm_str address, uint64_t *name)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t raw[16];
    if (address.p == NULL || dm_str_to_array(address, text, sizeof text, NULL) < 0)
        return false;
    if (inet_pton(AF_INET, text, raw) == 1)
        *name = dm_rate_name(s->rate, (dm_str){(const char *)raw, 4});
    else if (inet_pton(AF_INET6, text, raw) == 1)
        *name = dm_rate_name(s->rate, (dm_str){(const char *)raw, NETWORK_BYTES});
    else
        return false;
    return true;
}

int64_t dm_strangers_name(const dm_strangers *s, dm_str address)
{
    uint64_t name;
    if (dm_str_eq_c(address, "127.0.0.1") || dm_str_eq_c(address, "::1") || !name_of(s, address, &name))
        return 0;
    return (int64_t)(name >> 2 | 1); /* below 2^62 */
}

/* Until the next turn that is the key's; which that is, nobody can tell beforehand. A client waits for whole seconds,
 * so a turn is longer than one. */
static int64_t until_turn_us(const dm_strangers *s, dm_str key)
{
    int64_t now = dm_mono_us(s->clock), turn = (int64_t)(dm_rate_name(s->rate, key) % DM_STRANGERS_TURNS);
    int64_t ahead = (turn - now / TURN_US % DM_STRANGERS_TURNS + DM_STRANGERS_TURNS) % DM_STRANGERS_TURNS;
    return ahead == 0 ? 0 : ahead * TURN_US - now % TURN_US;
}

int64_t dm_strangers_wait_us(dm_strangers *s, dm_str address, dm_str key)
{
    uint64_t name;
    if (!name_of(s, address, &name) || dm_rate_wait_us(s->rate, name) == 0)
        return 0;
    return until_turn_us(s, key);
}

void dm_strangers_add(dm_strangers *s, dm_str address)
{
    uint64_t name;
    if (name_of(s, address, &name) && dm_rate_take_us(s->rate, name) > 0)
        return; /* it is empty: what came in its turn costs no more */
}
