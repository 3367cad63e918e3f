/* Drives fast.c with whatever a network and a conversation layer can do, under the sanitizers (see test_fast_fuzz.py).
 *
 * fast_fuzz SEED PACKETS: legs come, go and move, also within a batch; packets of any size come from bound and strange
 * addresses, in batches of any length, at two loops, one also in the middle of the other's batch; sends fail in any
 * way. A model in plain arrays knows what must happen to each packet. What leaves must be what came, to the right
 * address, in its order and once, in bursts as long as can be; what is for Python must come out in its turn; the table
 * must hold the bound legs and no others; all counts must be right. Ends after so many packets and prints what it did,
 * or aborts at the first difference. Threads are fuzzed by fast_threads.c.
 */

#include "fast_model.h"

static void unbind(int leg)
{
    if (address_of[leg] < 0)
        return;
    crs_unbind(table, legs[leg]);
    at_address[address_of[leg]] = -1;
    address_of[leg] = -1;
}

/* Of varying size in memory: legs at even distances would never share a slot of the bursts. */
static struct crs_leg *new_leg(int n)
{
    struct crs_leg *leg = calloc(1 + any(8), sizeof *leg);
    leg->traffic = traffic;
    leg->shortest = n % TYPES ? 8 : 1;
    for (int i = 0; i < LOOPS; i++)
        lanes[i].last_to[n] = 0;
    return leg;
}

/* The chains of the table hold each bound leg once, and end. */
static void check_chains(void)
{
    int bound = 0, found = 0;
    for (int i = 0; i < LEGS; i++)
        bound += address_of[i] >= 0;
    for (int i = 0; i < BUCKETS; i++)
        for (struct crs_leg *leg = table->buckets[i]; leg; leg = leg->next)
            CHECK(++found <= bound);
    CHECK(found == bound);
}

/* What the conversation layer may do between two calls: bind, move, unbind, and end a conversation for a new one. */
static void churn(void)
{
    int leg = any(LEGS), n = any(2 * LEGS);
    switch (any(4)) {
    case 0:
    case 1:
        if (at_address[n] >= 0 && at_address[n] != leg)
            unbind(at_address[n]);
        if (address_of[leg] >= 0)                     /* it moves, or is bound once more */
            at_address[address_of[leg]] = -1;
        union address a;
        make(n, &a);
        fd_of[leg] = 10 * (1 + any(3));
        crs_bind(table, legs[leg], a.any.sa_family, n % 2 ? (void *)&a.v6.sin6_addr : (void *)&a.v4.sin_addr,
                 port_of(n), scope_of(n), (int[]){fd_of[leg], fd_of[leg] + 1, fd_of[leg] + 2, fd_of[leg] + 3});
        at_address[n] = leg;
        address_of[leg] = n;
        break;
    case 2:
        unbind(leg);
        break;
    case 3:
        unbind(leg);
        unbind(leg ^ 1);
        for (int i = leg & ~1; i <= (leg | 1); i++) {            /* freed, so that a stale pointer is found out */
            free(legs[i]);
            legs[i] = new_leg(i);
        }
        for (int i = leg & ~1; i <= (leg | 1); i++)
            crs_link(table, legs[i], i < LEGS - 8 ? legs[i ^ 1] : NULL);
    }
    check_chains();
}

static void serve(int which);

/* Python's part: exactly the packets that are for it, in their turn, as they came. */
static void take(int i)
{
    static int nested;
    unsigned char ip[16] = {0};
    union address a;
    int size, port, n = lane->batch[i].source;
    uint32_t scope;
    const void *packet;
    pass(i);
    CHECK(is_odd(lane->passed++));
    make(n, &a);
    CHECK(crs_packet(lane->loop, i, &packet, &size, ip, &port, &scope) == a.any.sa_family && port == port_of(n));
    CHECK(packet == lane->loop->packets[i] && size == lane->batch[i].size);
    CHECK(!memcmp(ip, n % 2 ? (void *)&a.v6.sin6_addr : (void *)&a.v4.sin_addr, n % 2 ? 16 : 4));
    CHECK(scope == scope_of(n));
    odd++;
    lane->odd++;
    if (!any(3))
        churn();
    if (!nested && !any(9)) {
        struct lane *mine = lane;
        nested = 1;
        serve(lane == lanes);
        nested = 0;
        lane = mine;
    }
}

/* What one loop does when something waits at its socket. */
static void serve(int which)
{
    lane = &lanes[which];
    int left = any(500), next;
    while ((next = crs_forward(lane->loop, 90 + lane->loop->number, 1, &left)) >= 0)
        take(next);
    pass(lane->came);
    const struct crs_counts *counts = &traffic->by[lane->loop->number];
    CHECK(counts->tx == lane->expected.tx && counts->tx_bytes == lane->expected.tx_bytes);
    CHECK(counts->failed == lane->expected.failed);
    CHECK(counts->rx == counts->tx + counts->failed + counts->no_destination);
    CHECK(counts->rx + lane->odd == lane->packets);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    state = strtoull(argv[1], NULL, 10) * 2 + 1;
    uint64_t enough = strtoull(argv[2], NULL, 10);
    table = crs_open_table(state);
    for (int i = 0; i < LOOPS; i++)
        lanes[i].loop = crs_open_loop(table, i ? MAX_LOOPS - 1 : 0);
    traffic = calloc(1, sizeof *traffic);
    for (int i = 0; i < 2 * LEGS; i++)
        at_address[i] = -1;
    for (int i = 0; i < LEGS; i++) {
        address_of[i] = -1;
        legs[i] = new_leg(i);
    }
    for (int i = 0; i < LEGS - 8; i++)
        crs_link(table, legs[i], legs[i ^ 1]);
    do {
        for (int turn = any(4); turn > 0; turn--)
            churn();
        serve(any(LOOPS));
    } while (packets < enough);
    printf("%lu packets, %lu sent, %lu bursts of up to %lu, %lu for Python, %lu refused\n",
           packets, sent_ok, bursts, longest, odd, refused);
    CHECK(longest == MOST && odd && refused);
    for (int i = 0; i < LOOPS; i++) {
        CHECK(lanes[i].expected.failed && lanes[i].expected.no_destination);
        crs_close_loop(lanes[i].loop);
    }
    for (int i = 0; i < LEGS; i++)
        free(legs[i]);
    free(traffic);
    crs_close_table(table);
    return 0;
}
