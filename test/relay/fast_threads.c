/* Drives fast.c with threads, as the relay does: under the thread sanitizer, and under that of addresses (see fuzz.py).
 *
 * fast_threads SEED PACKETS: loops forward so many packets, each in its thread, while legs are bound, moved, unbound,
 * linked elsewhere and freed, by a thread of control and by the loops themselves, one at a time, as under the lock of
 * forward.Port. A pair of legs has addresses that no other pair ever has, and a packet says whose it is: so it is seen
 * when one goes to a wrong leg. All counts must be right in the end. Prints what it did. Order, bursts and failing sends
 * are for fast_fuzz.c to check.
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static int fake_recvmmsg(int fd, struct mmsghdr *in, unsigned count, int flags, struct timespec *timeout);
static int fake_sendmmsg(int fd, struct mmsghdr *out, unsigned count, int flags);
static ssize_t fake_sendmsg(int fd, const struct msghdr *out, int flags);

#define BUCKETS 4                                     /* so that they have chains */
#define recvmmsg fake_recvmmsg
#define sendmmsg fake_sendmmsg
#define sendmsg fake_sendmsg
#include "../../crs/relay/fast.c"
#undef recvmmsg
#undef sendmmsg
#undef sendmsg

enum { LOOPS = 3, PAIRS = 24, ADDRESSES = 4, PORT = 5000 };      /* ADDRESSES: of each pair */

#define CHECK(what) do { if (!(what)) { fprintf(stderr, "line %d: %s\n", __LINE__, #what); abort(); } } while (0)

static struct crs_table *table;
static struct crs_traffic *traffic;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;     /* of these: */
static struct crs_leg *legs[PAIRS][2];
static int address_of[PAIRS][2];                                      /* -1: not bound */
static int64_t heard;

static uint64_t enough;                               /* packets of each loop */
static int forwarding;                                /* loops that are not done yet */
static struct lane {
    struct crs_loop *loop;
    uint64_t packets, sent, odd, churned;
    pthread_t thread;
} lanes[LOOPS];
static _Thread_local struct lane *lane;
static _Thread_local uint64_t state;

static uint32_t any(uint32_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (state >> 11) % below;
}

static struct sockaddr_in make(int pair, int address)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT),
                                .sin_addr.s_addr = htonl(0x7f000000 + pair * ADDRESSES + address)};
}

static int fake_recvmmsg(int fd, struct mmsghdr *in, unsigned count, int flags, struct timespec *timeout)
{
    (void)flags, (void)timeout;
    CHECK(fd == lane->loop->number);
    if (!any(4))
        return errno = EAGAIN, -1;
    unsigned came = 1 + any(count);
    for (unsigned i = 0; i < came; i++) {
        int pair = any(PAIRS), address = any(ADDRESSES);
        *(struct sockaddr_in *)in[i].msg_hdr.msg_name = make(pair, address);
        in[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_in);
        in[i].msg_len = any(10) ? 16 : 17;
        unsigned char *packet = in[i].msg_hdr.msg_iov->iov_base;
        memset(packet, any(50) ? 0x80 : 0, 17);
        packet[1] = pair;
        packet[2] = address;
    }
    lane->packets += came;
    return came;
}

static void arrived(int fd, const struct msghdr *m, const unsigned char *packet)
{
    const struct sockaddr_in *to = m->msg_name;
    int n = ntohl(to->sin_addr.s_addr) - 0x7f000000, pair = n / ADDRESSES;
    CHECK(m->msg_namelen == sizeof *to && to->sin_family == AF_INET && to->sin_port == htons(PORT));
    CHECK(packet[1] == pair && packet[2] != n % ADDRESSES);           /* nor does it come back */
    CHECK(fd == 100 * (1 + pair % 3) + lane->loop->number);
    lane->sent++;
}

static ssize_t fake_sendmsg(int fd, const struct msghdr *m, int flags)
{
    (void)flags;
    if (!any(8))
        return errno = any(2) ? EAGAIN : ENETUNREACH, -1;
    arrived(fd, m, m->msg_iov->iov_base);
    return m->msg_iov->iov_len;
}

static int fake_sendmmsg(int fd, struct mmsghdr *out, unsigned count, int flags)
{
    (void)flags;
    unsigned most = any(8) ? count : any(count + 1);
    for (unsigned i = 0; i < most; i++)
        for (size_t j = 0; j < out[i].msg_hdr.msg_iovlen; j++)
            arrived(fd, &out[i].msg_hdr, out[i].msg_hdr.msg_iov[j].iov_base);
    return most ? (int)most : -1;
}

static void unbind(int pair, int side)
{
    crs_unbind(table, legs[pair][side]);
    address_of[pair][side] = -1;
}

static void link_pair(int pair, int linked)
{
    for (int side = 0; side < 2; side++)
        crs_link(table, legs[pair][side], linked ? legs[pair][!side] : NULL);
}

static void renew(int pair)
{
    for (int side = 0; side < 2; side++) {
        free(legs[pair][side]);
        legs[pair][side] = calloc(1, sizeof(struct crs_leg));
        legs[pair][side]->traffic = traffic;
        legs[pair][side]->shortest = 8;
        address_of[pair][side] = -1;
    }
    link_pair(pair, 1);
}

/* What Python may do at a time. */
static void churn(void)
{
    pthread_mutex_lock(&one_at_a_time);
    int pair = any(PAIRS), side = any(2), address = any(ADDRESSES), base = 100 * (1 + pair % 3);
    struct sockaddr_in to = make(pair, address);
    switch (any(8)) {
    default:
        if (address_of[pair][!side] == address)
            unbind(pair, !side);
        crs_bind(table, legs[pair][side], AF_INET, &to.sin_addr, PORT, 0, (int[]){base, base + 1, base + 2, base + 3});
        address_of[pair][side] = address;
        break;
    case 0:
        unbind(pair, side);
        break;
    case 1:
        unbind(pair, 0);
        unbind(pair, 1);
        renew(pair);
        break;
    case 2:
        link_pair(pair, any(4));
        break;
    case 3:
        heard += __atomic_load_n(&legs[pair][side]->heard, __ATOMIC_RELAXED);
        heard += __atomic_load_n(&traffic->by[any(LOOPS)].tx, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&one_at_a_time);
}

static void *forward(void *mine)
{
    lane = mine;
    state = lane->loop->number * 1000003 + table->seed;
    for (int64_t now = 1; lane->packets < enough; now++) {
        int left = any(300), next, size, port;
        while ((next = crs_forward(lane->loop, lane->loop->number, now, &left)) >= 0) {
            unsigned char ip[16];
            uint32_t scope;
            const void *data;
            CHECK(crs_packet(lane->loop, next, &data, &size, ip, &port, &scope) == AF_INET && port == PORT);
            const unsigned char *packet = data;
            CHECK(size >= 16 && ip[3] == (packet[1] * ADDRESSES + packet[2]) % 256);
            lane->odd++;
            if (!any(20))
                churn(), lane->churned++;
        }
    }
    __atomic_sub_fetch(&forwarding, 1, __ATOMIC_RELAXED);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    table = crs_open_table(state = strtoull(argv[1], NULL, 10) * 2 + 1);
    traffic = calloc(1, sizeof *traffic);
    for (int pair = 0; pair < PAIRS; pair++)
        renew(pair);
    enough = strtoull(argv[2], NULL, 10);
    forwarding = LOOPS;
    for (int i = 0; i < LOOPS; i++) {
        lanes[i].loop = crs_open_loop(table, i);
        CHECK(!pthread_create(&lanes[i].thread, NULL, forward, &lanes[i]));
    }
    uint64_t churned = 0;
    for (; __atomic_load_n(&forwarding, __ATOMIC_RELAXED); churned++)
        churn();
    for (int i = 0; i < LOOPS; i++) {
        const struct crs_counts *counts = &traffic->by[i];
        pthread_join(lanes[i].thread, NULL);
        printf("loop %d: %lu packets, %lu sent, %lu for Python\n", i, lanes[i].packets, lanes[i].sent, lanes[i].odd);
        churned += lanes[i].churned;
        CHECK(lanes[i].sent && lanes[i].odd && counts->tx == lanes[i].sent);
        CHECK(counts->rx == counts->tx + counts->failed + counts->no_destination);
        /* those that came last may not be judged: */
        CHECK(counts->rx + lanes[i].odd + lanes[i].loop->received - lanes[i].loop->at == lanes[i].packets);
        crs_close_loop(lanes[i].loop);
    }
    printf("%lu changes\n", churned);
    for (int pair = 0; pair < PAIRS; pair++)
        free(legs[pair][0]), free(legs[pair][1]);
    free(traffic);
    crs_close_table(table);
    return 0;
}
