/* The table of the relay's fast path: which leg is bound to an address, and where its packets go.
 *
 * One table serves all loops. Loops read it under the lock for as long as they look up a batch, never while they call
 * the kernel: so crs_bind, crs_unbind and crs_link, which take the lock for writing, wait for microseconds.
 *
 * Python owns every leg and traffic. A leg is let go when it was taken out by crs_unbind, and the leg that is linked to
 * it was taken out or linked elsewhere; a traffic, when no loop runs any more. Needs _GNU_SOURCE.
 */

#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef BUCKETS                     /* the fuzzers have few */
#define BUCKETS (1 << 16)           /* a leg each: 32,768 conversations; beyond that chains grow, slowly */
#endif

enum { MAX_LOOPS = 4 };

struct crs_traffic {                /* what each loop forwarded of one kind; see Traffic in leg.py */
    struct crs_counts {
        uint64_t rx, rx_bytes, tx, tx_bytes, no_destination, failed;
        uint64_t apart[10];         /* so that no two loops write to the same cache line */
    } by[MAX_LOOPS];
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct crs_leg {
    int64_t heard;                  /* when anything last came from its address, ms */
    struct crs_leg *other;          /* where its packets go; NULL: Python knows */
    struct crs_traffic *traffic;
    uint32_t shortest;              /* bytes of a packet */
    socklen_t length;               /* of the address; 0: not bound */
    union address address;
    struct crs_leg *next;           /* in the same bucket */
    int fds[MAX_LOOPS];             /* the socket of each loop to send to it with */
};

struct crs_table {
    pthread_rwlock_t lock;          /* of all that follows, and of the legs in it but for `heard` */
    uint64_t seed;                  /* so that nobody outside knows what collides */
    struct crs_leg *buckets[BUCKETS];
};

static uint64_t bucket(const struct crs_table *t, const union address *a)
{
    uint64_t words[3] = {a->v4.sin_port, a->v4.sin_addr.s_addr, 0}, hash = t->seed;
    if (a->any.sa_family == AF_INET6) {
        memcpy(words + 1, &a->v6.sin6_addr, 16);
        words[0] |= (uint64_t)a->v6.sin6_scope_id << 16;
    }
    for (int i = 0; i < 3; i++) {
        hash = (hash ^ words[i]) * 0x9E3779B97F4A7C15;
        hash ^= hash >> 32;
    }
    return hash % BUCKETS;
}

static int same(const union address *a, const union address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return 0;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id
        && !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16);
}

static struct crs_leg *find(const struct crs_table *t, const union address *a)
{
    struct crs_leg *leg = t->buckets[bucket(t, a)];
    while (leg && !same(&leg->address, a))
        leg = leg->next;
    return leg;
}

/* --- what Python calls ------------------------------------------------------------------------------------------- */

struct crs_table *crs_open_table(uint64_t seed)
{
    struct crs_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    pthread_rwlockattr_t kind;
    pthread_rwlockattr_init(&kind);
#ifdef __GLIBC__                    /* else loops that never pause could keep a writer waiting for ever */
    pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    pthread_rwlock_init(&t->lock, &kind);
    pthread_rwlockattr_destroy(&kind);
    t->seed = seed;
    return t;
}

void crs_close_table(struct crs_table *t)
{
    pthread_rwlock_destroy(&t->lock);
    free(t);
}

static void take_out(struct crs_table *t, struct crs_leg *leg)
{
    struct crs_leg **link = &t->buckets[bucket(t, &leg->address)];
    while (*link != leg)
        link = &(*link)->next;
    *link = leg->next;
    leg->length = 0;
}

/* Enter a leg, or move it. ``ip``: 4 or 16 bytes; ``fds``: of MAX_LOOPS. No other leg is bound to the same address. */
void crs_bind(struct crs_table *t, struct crs_leg *leg, int family, const void *ip, int port, uint32_t scope,
              const int *fds)
{
    union address a;
    memset(&a, 0, sizeof a);
    a.any.sa_family = family;
    a.v4.sin_port = htons(port);                        /* where sin6_port is, too */
    if (family == AF_INET) {
        memcpy(&a.v4.sin_addr, ip, 4);
    } else {
        memcpy(&a.v6.sin6_addr, ip, 16);
        a.v6.sin6_scope_id = scope;
    }
    pthread_rwlock_wrlock(&t->lock);
    if (leg->length)
        take_out(t, leg);
    leg->address = a;
    leg->length = family == AF_INET ? sizeof a.v4 : sizeof a.v6;
    memcpy(leg->fds, fds, sizeof leg->fds);
    struct crs_leg **chain = &t->buckets[bucket(t, &a)];
    leg->next = *chain;
    *chain = leg;
    pthread_rwlock_unlock(&t->lock);
}

void crs_unbind(struct crs_table *t, struct crs_leg *leg)
{
    pthread_rwlock_wrlock(&t->lock);
    if (leg->length)
        take_out(t, leg);
    pthread_rwlock_unlock(&t->lock);
}

/* Have the packets of a leg go to ``other``; NULL: to Python. */
void crs_link(struct crs_table *t, struct crs_leg *leg, struct crs_leg *other)
{
    pthread_rwlock_wrlock(&t->lock);
    leg->other = other;
    pthread_rwlock_unlock(&t->lock);
}
