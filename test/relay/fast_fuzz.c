/* Drives fast.c with whatever a network and a conversation layer can do, under the sanitizers (see test_fast.py).
 *
 * fast_fuzz SEED SECONDS: legs come, go and move, also within a batch; packets of any size come from bound and strange
 * addresses, in batches of any length, at two loops, one also in the middle of the other's batch; sends fail in any
 * way. A model in plain arrays knows what must happen to each packet. What leaves must be what came, to the right
 * address, in its order and once, in bursts as long as can be; what is for Python must come out in its turn; all counts
 * must be right. Prints what it did, and aborts at the first difference. Never here: threads (``fast_threads.c``).
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

static int fake_recvmmsg(int fd, struct mmsghdr *in, unsigned count, int flags, struct timespec *timeout);
static int fake_sendmmsg(int fd, struct mmsghdr *out, unsigned count, int flags);
static ssize_t fake_sendmsg(int fd, const struct msghdr *out, int flags);

#define recvmmsg fake_recvmmsg
#define sendmmsg fake_sendmmsg
#define sendmsg fake_sendmsg
#include "../../crs/relay/fast.c"
#undef recvmmsg
#undef sendmmsg
#undef sendmsg

enum { LEGS = 64, STRANGERS = 16, TYPES = 3 };       /* leg 2n talks to leg 2n+1; legs from LEGS - 8 on are multicast */
enum { LOOPS = 2, MOST = 40 };                       /* MOST: packets of a burst: 41 of 1,600 bytes are beyond 64 KiB */

#define CHECK(what) do { if (!(what)) { fprintf(stderr, "line %d: %s\n", __LINE__, #what); abort(); } } while (0)

static struct crs_table *table;
static struct crs_leg *legs[LEGS];
static struct crs_traffic *traffic;
static int at_address[2 * LEGS];                      /* address -> leg, -1: nobody's */
static int address_of[LEGS];                          /* leg -> address, -1: not bound */
static int fd_of[LEGS];                               /* of its first loop; each further one has the next */
static uint32_t number;                               /* of packets */
static uint64_t sent_ok, packets, odd, bursts, longest, refused;
static struct lane {
    struct crs_loop *loop;
    struct crs_counts expected;
    int came, passed;                                 /* packets of this batch, and those that are done */
    struct { int source, size; } batch[BATCH];
    uint32_t last_to[LEGS];                           /* the number of the last packet to a leg */
    uint64_t packets, odd;
} lanes[LOOPS], *lane;                                /* lane: the one that has its turn */
static uint64_t state;

static uint32_t any(uint32_t below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (state >> 11) % below;
}

static int port_of(int n) { return 1000 + n / 32; }
static uint32_t scope_of(int n) { return n % 2 ? n / 8 % 4 : 0; }

/* Address `n`: even ones IPv4, odd ones IPv6. Many share an ip, a port, or all but the scope. */
static socklen_t make(int n, union address *a)
{
    memset(a, 0, sizeof *a);
    a->v4.sin_port = htons(port_of(n));
    if (n % 2) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_addr.s6_addr[15] = n % 8;
        a->v6.sin6_scope_id = scope_of(n);
        return sizeof a->v6;
    }
    a->v4.sin_family = AF_INET;
    a->v4.sin_addr.s_addr = htonl(0x7f000001 + n % 32);
    return sizeof a->v4;
}

static int number_of(const union address *a)
{
    int port = ntohs(a->v4.sin_port) - 1000;
    return port * 32 + (a->any.sa_family == AF_INET6 ? (int)(a->v6.sin6_scope_id * 8 + a->v6.sin6_addr.s6_addr[15])
                                                     : (int)(ntohl(a->v4.sin_addr.s_addr) - 0x7f000001));
}

/* Whether packet `i` of the batch is for Python, as bindings are now. */
static int is_odd(int i)
{
    int source = lane->batch[i].source, leg = source < 2 * LEGS ? at_address[source] : -1, size = lane->batch[i].size;
    return leg < 0 || leg >= LEGS - 8 || size < (int)legs[leg]->shortest || size > MAX_PACKET
        || lane->loop->packets[i][0] < 4;
}

/* All packets before `i` were forwarded. */
static void pass(int i)
{
    for (; lane->passed < i; lane->passed++)
        CHECK(!is_odd(lane->passed));
}

static int fake_recvmmsg(int fd, struct mmsghdr *in, unsigned count, int flags, struct timespec *timeout)
{
    (void)flags, (void)timeout;
    CHECK(fd == 90 + lane->loop->number);
    pass(lane->came);
    lane->came = lane->passed = 0;
    if (!any(4))
        return errno = any(2) ? EAGAIN : ECONNREFUSED, -1;
    int came = lane->came = any(3) ? count : 1 + any(count);
    int same = any(3) ? -1 : address_of[any(LEGS)], uniform = !any(3);
    int size = 12 + any(any(3) ? 100 : MAX_PACKET - 12);
    for (int i = 0; i < came; i++) {
        union address a;
        int n = same >= 0 && (uniform || any(8)) ? same
            : any(3) ? address_of[any(LEGS)] : (int)any(2 * LEGS + STRANGERS);
        n = n < 0 ? 0 : n;
        int length = uniform || any(4) ? size : any(10) ? 12 + (int)any(1490) : (int)any(12);
        unsigned char *packet = in[i].msg_hdr.msg_iov->iov_base;
        CHECK(in[i].msg_hdr.msg_namelen >= make(n, &a));
        CHECK(length <= (int)in[i].msg_hdr.msg_iov->iov_len);
        memset(packet, 0x80, length);
        if (length && !any(16))
            packet[0] = any(4);
        memcpy(in[i].msg_hdr.msg_name, &a, in[i].msg_hdr.msg_namelen = make(n, &a));
        in[i].msg_len = length;
        packets++;
        lane->packets++;
        lane->batch[i].source = n;
        lane->batch[i].size = length;
        if (length >= 12) {
            uint32_t words[2] = {n, ++number};
            memcpy(packet + 4, words, 8);
        }
    }
    return came;
}

static int leg_at(const struct msghdr *m)
{
    union address a;
    int n = number_of(m->msg_name);
    CHECK(n >= 0 && n < 2 * LEGS && at_address[n] >= 0);
    CHECK(m->msg_namelen == make(n, &a) && !memcmp(m->msg_name, &a, m->msg_namelen));
    return at_address[n];
}

static void arrived(int fd, const struct msghdr *m, const unsigned char *packet, int size)
{
    int to = leg_at(m);
    CHECK(fd == fd_of[to] + lane->loop->number);
    sent_ok++;
    lane->expected.tx++;
    lane->expected.tx_bytes += size;
    if (size >= 12) {
        uint32_t words[2];
        memcpy(words, packet + 4, 8);
        CHECK(words[0] == (uint32_t)address_of[to ^ 1] && words[1] > lane->last_to[to]);
        lane->last_to[to] = words[1];
    }
}

static ssize_t fake_sendmsg(int fd, const struct msghdr *m, int flags)
{
    static const int errors[] = {EAGAIN, ENOBUFS, ENETUNREACH, EINVAL, EPERM, EIO};
    (void)flags;
    CHECK(m->msg_iovlen == 1 && !m->msg_control);
    if (!any(8)) {
        errno = errors[any(6)];
        if (errno == ENETUNREACH || errno == EINVAL || errno == EPERM)
            lane->expected.no_destination++;
        else
            lane->expected.failed++;
        return -1;
    }
    arrived(fd, m, m->msg_iov->iov_base, m->msg_iov->iov_len);
    return m->msg_iov->iov_len;
}

static int fake_sendmmsg(int fd, struct mmsghdr *out, unsigned count, int flags)
{
    int last[LEGS];                                   /* message to a leg, of this call */
    (void)flags;
    CHECK(count);
    memset(last, -1, sizeof last);
    unsigned most = any(4) ? count : any(count + 1);
    for (unsigned i = 0; i < most; i++) {
        struct msghdr *m = &out[i].msg_hdr;
        size_t total = 0;
        struct cmsghdr *c = CMSG_FIRSTHDR(m);
        int to = leg_at(m);
        CHECK(!c == (m->msg_iovlen == 1));
        if (last[to] >= 0) {                          /* why is it not one burst with the one before? */
            struct msghdr *before = &out[last[to]].msg_hdr;
            CHECK(before->msg_iovlen == MOST || before->msg_iov->iov_len != m->msg_iov->iov_len);
        }
        last[to] = i;
        for (size_t j = 0; j < m->msg_iovlen; j++) {
            uint16_t segment = m->msg_iov[j].iov_len;
            CHECK(!c || !memcmp(CMSG_DATA(c), &segment, sizeof segment));
            arrived(fd, m, m->msg_iov[j].iov_base, segment);
            total += segment;
        }
        CHECK(total <= 65507 && m->msg_iovlen <= MOST);
        longest = m->msg_iovlen > longest ? m->msg_iovlen : longest;
        bursts += m->msg_iovlen > 1;
    }
    refused += most < count;
    return most ? (int)most : -1;
}

static void unbind(int leg)
{
    if (address_of[leg] < 0)
        return;
    crs_unbind(table, legs[leg]);
    at_address[address_of[leg]] = -1;
    address_of[leg] = -1;
}

static struct crs_leg *new_leg(int one)
{
    struct crs_leg *leg = calloc(1, sizeof *leg);
    leg->traffic = traffic;
    leg->shortest = one % TYPES ? 8 : 1;
    for (int i = 0; i < LOOPS; i++)
        lanes[i].last_to[one] = 0;
    return leg;
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
        for (int one = leg & ~1; one <= (leg | 1); one++) {      /* freed, so that a stale pointer is found out */
            free(legs[one]);
            legs[one] = new_leg(one);
        }
        for (int one = leg & ~1; one <= (leg | 1); one++)
            crs_link(table, legs[one], one < LEGS - 8 ? legs[one ^ 1] : NULL);
    }
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
    pass(i);
    CHECK(is_odd(lane->passed++));
    CHECK(crs_packet(lane->loop, i, &size) == lane->loop->packets[i] && size == lane->batch[i].size);
    make(n, &a);
    CHECK(crs_source(lane->loop, i, ip, &port, &scope) == a.any.sa_family && port == port_of(n));
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
    time_t end = time(NULL) + atoi(argv[2]);
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
    } while (time(NULL) < end);
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
