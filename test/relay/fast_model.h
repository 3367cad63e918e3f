/* A model of the relay and of the network around it: what is bound to what, what comes, and what must leave.
 *
 * It stands in for the sockets that fast.c uses, and checks who gets what; fast_fuzz.c changes the bindings. An address
 * is a number, even ones IPv4, odd ones IPv6; each loop has a lane of its own.
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

enum { LEGS = 64, STRANGERS = 16, TYPES = 3 };       /* leg 2n talks to leg 2n+1; legs from LEGS - 8 on are multicast */
enum { LOOPS = 2, MOST = 40 };                       /* MOST: packets of a burst: 41 of 1,600 bytes are beyond 64 KiB */

#define CHECK(what) do { if (!(what)) fail(__LINE__, #what); } while (0)

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

static void fail(int line, const char *what)
{
    fprintf(stderr, "line %d, after %lu packets: %s\n", line, packets, what);
    abort();
}

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
