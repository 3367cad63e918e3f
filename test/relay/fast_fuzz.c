/* Drives fast.c with whatever a network and a conversation layer can do, under the sanitizers (see test_fast.py).
 *
 * fast_fuzz SEED SECONDS: legs come, go and move, also within a batch; packets of any size come from bound and strange
 * addresses, in batches of any length; sends fail in any way. A model in plain arrays knows what must happen to each
 * packet. What leaves must be what came, to the right address, in its order and once; what is for Python must come out
 * in its turn; all counts must be right. Prints what it did, and aborts at the first difference.
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

#define CHECK(what) do { if (!(what)) { fprintf(stderr, "line %d: %s\n", __LINE__, #what); abort(); } } while (0)

static struct crs_forwarder *f;
static struct crs_leg *legs[LEGS];
static struct crs_traffic *traffic, expected;
static int at_address[2 * LEGS];                      /* address -> leg, -1: nobody's */
static int address_of[LEGS];                          /* leg -> address, -1: not bound */
static int fd_of[LEGS];
static uint32_t number, last_to[LEGS];                /* of packets */
static uint64_t sent_ok, packets, odd, bursts, refused;
static int came, passed;                              /* packets of this batch, and those that are done */
static struct { int source, size; } batch[BATCH];
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

/* Whether packet `i` of the batch is for Python, as bindings are now. */
static int is_odd(int i)
{
    int leg = batch[i].source < 2 * LEGS ? at_address[batch[i].source] : -1, size = batch[i].size;
    return leg < 0 || leg >= LEGS - 8 || size < (int)legs[leg]->shortest || size > MAX_PACKET || f->packets[i][0] < 4;
}

/* All packets before `i` were forwarded. */
static void pass(int i)
{
    for (; passed < i; passed++)
        CHECK(!is_odd(passed));
}

static int fake_recvmmsg(int fd, struct mmsghdr *in, unsigned count, int flags, struct timespec *timeout)
{
    (void)fd, (void)flags, (void)timeout;
    pass(came);
    came = passed = 0;
    if (!any(4))
        return errno = any(2) ? EAGAIN : ECONNREFUSED, -1;
    came = any(3) ? count : 1 + any(count);
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
        batch[i].source = n;
        batch[i].size = length;
        if (length >= 12) {
            uint32_t words[2] = {n, ++number};
            memcpy(packet + 4, words, 8);
        }
    }
    return came;
}

static void arrived(int fd, const struct msghdr *m, const unsigned char *packet, int size)
{
    int to;
    for (to = 0; to < LEGS && &legs[to]->address != m->msg_name; to++)
        ;
    CHECK(to < LEGS && address_of[to] >= 0 && fd == fd_of[to]);
    union address a;
    CHECK(m->msg_namelen == make(address_of[to], &a) && !memcmp(m->msg_name, &a, m->msg_namelen));
    sent_ok++;
    expected.tx++;
    expected.tx_bytes += size;
    if (size >= 12) {
        uint32_t words[2];
        memcpy(words, packet + 4, 8);
        CHECK(words[0] == (uint32_t)address_of[to ^ 1] && words[1] > last_to[to]);
        last_to[to] = words[1];
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
            expected.no_destination++;
        else
            expected.failed++;
        return -1;
    }
    arrived(fd, m, m->msg_iov->iov_base, m->msg_iov->iov_len);
    return m->msg_iov->iov_len;
}

static int fake_sendmmsg(int fd, struct mmsghdr *out, unsigned count, int flags)
{
    (void)flags;
    CHECK(count);
    unsigned most = any(4) ? count : any(count + 1);
    for (unsigned i = 0; i < most; i++) {
        struct msghdr *m = &out[i].msg_hdr;
        size_t total = 0;
        struct cmsghdr *c = CMSG_FIRSTHDR(m);
        CHECK(!c == (m->msg_iovlen == 1));
        for (size_t j = 0; j < m->msg_iovlen; j++) {
            uint16_t segment = m->msg_iov[j].iov_len;
            CHECK(!c || !memcmp(CMSG_DATA(c), &segment, sizeof segment));
            arrived(fd, m, m->msg_iov[j].iov_base, segment);
            total += segment;
        }
        CHECK(total <= 65507 && m->msg_iovlen <= 64);
        bursts += m->msg_iovlen > 1;
    }
    refused += most < count;
    return most ? (int)most : -1;
}

static void unbind(int leg)
{
    if (address_of[leg] < 0)
        return;
    crs_unbind(f, legs[leg]);
    at_address[address_of[leg]] = -1;
    address_of[leg] = -1;
}

/* What the conversation layer may do between two calls: bind, move, unbind, and end a conversation for a new one. */
static void churn(void)
{
    int leg = any(LEGS), n = any(2 * LEGS);
    switch (any(4)) {
    case 0:
    case 1:
        if (at_address[n] >= 0)
            unbind(at_address[n]);
        unbind(leg);
        union address a;
        make(n, &a);
        crs_bind(f, legs[leg], a.any.sa_family, n % 2 ? (void *)&a.v6.sin6_addr : (void *)&a.v4.sin_addr,
                 port_of(n), scope_of(n), fd_of[leg] = 3 + any(3));
        at_address[n] = leg;
        address_of[leg] = n;
        break;
    case 2:
        unbind(leg);
        break;
    case 3:
        for (int one = leg & ~1; one <= (leg | 1); one++) {      /* freed, so that a stale pointer is found out */
            unbind(one);
            free(legs[one]);
            legs[one] = calloc(1, sizeof **legs);
            legs[one]->traffic = traffic;
            legs[one]->shortest = one % TYPES ? 8 : 1;
            last_to[one] = 0;
        }
        for (int one = leg & ~1; one <= (leg | 1); one++)
            legs[one]->other = one < LEGS - 8 ? legs[one ^ 1] : NULL;
    }
}

/* Python's part: exactly the packets that are for it, in their turn, as they came. */
static void judge(int i)
{
    unsigned char ip[16] = {0};
    union address a;
    int size, port, n = batch[i].source;
    uint32_t scope;
    pass(i);
    CHECK(is_odd(passed++));
    CHECK(crs_packet(f, i, &size) == f->packets[i] && size == batch[i].size);
    make(n, &a);
    CHECK(crs_source(f, i, ip, &port, &scope) == a.any.sa_family && port == port_of(n));
    CHECK(!memcmp(ip, n % 2 ? (void *)&a.v6.sin6_addr : (void *)&a.v4.sin_addr, n % 2 ? 16 : 4));
    CHECK(scope == scope_of(n));
    odd++;
    if (!any(3))
        churn();
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    state = strtoull(argv[1], NULL, 10) * 2 + 1;
    time_t end = time(NULL) + atoi(argv[2]);
    f = crs_open(state);
    traffic = calloc(1, sizeof *traffic);
    for (int i = 0; i < LEGS; i++) {
        address_of[i] = -1;
        legs[i] = calloc(1, sizeof **legs);
    }
    for (int i = 0; i < 2 * LEGS; i++)
        at_address[i] = -1;
    for (int i = 0; i < LEGS; i++) {
        legs[i]->traffic = traffic;
        legs[i]->shortest = i % TYPES ? 8 : 1;
        legs[i]->other = i < LEGS - 8 ? legs[i ^ 1] : NULL;
    }
    do {
        for (int turn = any(4); turn > 0; turn--)
            churn();
        int left = any(500), next;
        while ((next = crs_forward(f, 3, 1, &left)) >= 0)
            judge(next);
        pass(came);
        CHECK(traffic->tx == expected.tx && traffic->tx_bytes == expected.tx_bytes);
        CHECK(traffic->failed == expected.failed);
        CHECK(traffic->rx == traffic->tx + traffic->failed + traffic->no_destination);
        CHECK(traffic->rx + odd == packets);
    } while (time(NULL) < end);
    printf("%lu packets, %lu sent, %lu bursts, %lu for Python, %lu refused\n", packets, sent_ok, bursts, odd, refused);
    CHECK(bursts && odd && refused && expected.failed && expected.no_destination);
    for (int i = 0; i < LEGS; i++)
        free(legs[i]);
    free(traffic);
    crs_close(f);
    return 0;
}
