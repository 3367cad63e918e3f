/* The fast path of the relay: media of a bound address to the one other leg of its conversation, without Python.
 *
 * Why: nearly all that a relay does is this, and the interpreter costs as much per packet as the kernel does. Here
 * packets are received and sent in batches, and found by source address in a hash table.
 *
 * Lives here: receiving, looking up, sending, counting. Never here: a rule. What is not plainly media of a bound
 * address is handed to Python one by one and in its turn, so that both loops do the same (forward.py is the other).
 *
 * Python owns every leg and traffic, enters a leg with crs_bind and takes it out with crs_unbind before it lets it
 * go. A leg's ``other`` lives as long as it is linked to. One thread. Needs _GNU_SOURCE.
 */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103             /* udp(7), Linux 4.18 */
#endif

enum {
    MAX_PACKET = 1500,              /* bytes of UDP payload, as in conversation.py */
    BATCH = 64,                     /* packets of one system call; more bring nothing, and leave the cache */
    BUCKETS = 1 << 16,              /* a leg each: 32,768 conversations; beyond that chains grow, slowly */
    MAX_BURST = 40,                 /* packets in one UDP_SEGMENT, which takes 64 KiB */
    FIRST_MEDIA = 4,                /* a first byte below may be STUN (RFC 7983) */
};

struct crs_traffic {                /* conversation.Traffic: packets and bytes of one kind */
    uint64_t rx, rx_bytes, tx, tx_bytes, no_destination, failed;
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
    int fd;                         /* the socket to send to it with */
    socklen_t length;               /* of the address; 0: not bound */
    union address address;
    struct crs_leg *next;           /* in the same bucket */
    uint64_t batch;                 /* the last batch with a packet for this leg; in it, of the last burst: */
    int tail, burst;                /* the last packet, and how many there are */
};

struct crs_forwarder {
    struct crs_leg *buckets[BUCKETS];
    uint64_t seed;                  /* so that nobody outside knows what collides */
    uint64_t batch;                 /* their number since the start */

    int received, at;               /* packets of this batch, and the first that is not yet judged */
    struct mmsghdr in[BATCH];
    struct iovec in_parts[BATCH];
    union address sources[BATCH];
    unsigned char packets[BATCH][MAX_PACKET + 1];

    int judged;                     /* packets to be sent: */
    struct iovec parts[BATCH];
    struct crs_leg *to[BATCH];
    struct crs_traffic *traffic[BATCH];
    int following[BATCH];           /* the next packet of the same burst, -1: none */
    char head[BATCH];               /* whether it is the first of a burst */
};

static uint64_t bucket(const struct crs_forwarder *f, const union address *a)
{
    uint64_t words[3] = {a->v4.sin_port, a->v4.sin_addr.s_addr, 0}, hash = f->seed;
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

static struct crs_leg *find(const struct crs_forwarder *f, const union address *a)
{
    struct crs_leg *leg = f->buckets[bucket(f, a)];
    while (leg && !same(&leg->address, a))
        leg = leg->next;
    return leg;
}

/* --- what Python calls ------------------------------------------------------------------------------------------- */

struct crs_forwarder *crs_open(uint64_t seed)
{
    struct crs_forwarder *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->seed = seed;
    f->batch = 1;
    for (int i = 0; i < BATCH; i++) {
        f->in_parts[i] = (struct iovec){f->packets[i], MAX_PACKET + 1};
        f->in[i].msg_hdr = (struct msghdr){.msg_name = &f->sources[i], .msg_iov = &f->in_parts[i], .msg_iovlen = 1};
    }
    return f;
}

void crs_close(struct crs_forwarder *f)
{
    free(f);
}

/* ``ip``: 4 or 16 bytes. The leg must not be bound, and no other leg to the same address. */
void crs_bind(struct crs_forwarder *f, struct crs_leg *leg, int family, const void *ip, int port, uint32_t scope,
              int fd)
{
    memset(&leg->address, 0, sizeof leg->address);
    leg->address.any.sa_family = family;
    leg->address.v4.sin_port = htons(port);             /* where sin6_port is, too */
    if (family == AF_INET) {
        memcpy(&leg->address.v4.sin_addr, ip, 4);
    } else {
        memcpy(&leg->address.v6.sin6_addr, ip, 16);
        leg->address.v6.sin6_scope_id = scope;
    }
    leg->length = family == AF_INET ? sizeof leg->address.v4 : sizeof leg->address.v6;
    leg->fd = fd;
    struct crs_leg **chain = &f->buckets[bucket(f, &leg->address)];
    leg->next = *chain;
    *chain = leg;
}

void crs_unbind(struct crs_forwarder *f, struct crs_leg *leg)
{
    struct crs_leg **link = &f->buckets[bucket(f, &leg->address)];
    while (*link != leg)
        link = &(*link)->next;
    *link = leg->next;
    leg->length = 0;
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

/* The kernel refused a packet, or to cut a burst: its packets may be larger than a frame, or the device too simple. */
static void send_singly(struct crs_forwarder *f, int first)
{
    for (int i = first; i >= 0; i = f->following[i]) {
        struct crs_leg *leg = f->to[i];
        struct msghdr one = {.msg_name = &leg->address, .msg_namelen = leg->length,
                             .msg_iov = &f->parts[i], .msg_iovlen = 1};
        if (sendmsg(leg->fd, &one, MSG_DONTWAIT) >= 0) {
            f->traffic[i]->tx++;
            f->traffic[i]->tx_bytes += f->parts[i].iov_len;
        } else if (errno == ENETUNREACH || errno == EHOSTUNREACH || errno == EADDRNOTAVAIL || errno == EINVAL
                   || errno == EACCES || errno == EPERM) {     /* NO_DESTINATION in forward.py */
            f->traffic[i]->no_destination++;
        } else {
            f->traffic[i]->failed++;
        }
    }
}

/* Send what was judged. Packets of one leg stay in order; those of different legs may pass each other. */
static void flush(struct crs_forwarder *f)
{
    struct mmsghdr out[BATCH];
    struct iovec parts[BATCH];
    int first[BATCH], bursts = 0, used = 0;
    union { char room[CMSG_SPACE(sizeof(uint16_t))]; struct cmsghdr align; } control[BATCH];

    for (int i = 0; i < f->judged; i++) {
        if (!f->head[i])
            continue;
        struct msghdr *m = &out[bursts].msg_hdr;
        *m = (struct msghdr){.msg_name = &f->to[i]->address, .msg_namelen = f->to[i]->length, .msg_iov = parts + used};
        for (int j = i; j >= 0; j = f->following[j]) {
            parts[used++] = f->parts[j];
            m->msg_iovlen++;
        }
        if (m->msg_iovlen > 1) {
            m->msg_control = &control[bursts];
            m->msg_controllen = sizeof control[bursts].room;
            struct cmsghdr *c = CMSG_FIRSTHDR(m);
            c->cmsg_level = IPPROTO_UDP;
            c->cmsg_type = UDP_SEGMENT;
            c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
            memcpy(CMSG_DATA(c), &(uint16_t){f->parts[i].iov_len}, sizeof(uint16_t));
        }
        first[bursts++] = i;
    }
    for (int done = 0; done < bursts;) {
        int fd = f->to[first[done]]->fd, end = done;
        while (end < bursts && f->to[first[end]]->fd == fd)
            end++;
        int sent = sendmmsg(fd, out + done, end - done, MSG_DONTWAIT);
        if (sent <= 0)
            send_singly(f, first[done++]);
        for (; sent > 0; sent--)
            for (int i = first[done++]; i >= 0; i = f->following[i]) {
                f->traffic[i]->tx++;
                f->traffic[i]->tx_bytes += f->parts[i].iov_len;
            }
    }
    f->judged = 0;
    f->batch++;
}

/* Put a packet to those that flush() will send: at the end of a burst to the same leg, if it is as long as those. */
static void queue(struct crs_forwarder *f, struct crs_leg *to, struct crs_traffic *traffic, struct iovec part)
{
    int i = f->judged++, joins = to->batch == f->batch && to->burst < MAX_BURST
        && f->parts[to->tail].iov_len == part.iov_len;
    f->parts[i] = part;
    f->to[i] = to;
    f->traffic[i] = traffic;
    f->following[i] = -1;
    f->head[i] = !joins;
    if (joins)
        f->following[to->tail] = i;
    to->burst = joins ? to->burst + 1 : 1;
    to->batch = f->batch;
    to->tail = i;
}

/* --- the path of a packet ---------------------------------------------------------------------------------------- */

/* Forward what waits at ``fd``, ``*left`` packets at most and in whole batches.
 *
 * Returns the next packet that is for Python to judge (crs_packet, crs_source), or -1 when there is none: then nothing
 * waits any more, or ``*left`` is used up. After a packet call again, with the same ``fd``.
 */
int crs_forward(struct crs_forwarder *f, int fd, int64_t now, int *left)
{
    for (;;) {
        for (; f->at < f->received; f->at++) {
            int i = f->at;
            uint32_t size = f->in[i].msg_len;
            struct crs_leg *leg = find(f, &f->sources[i]);
            if (!leg || !leg->other || size < leg->shortest || size > MAX_PACKET || f->packets[i][0] < FIRST_MEDIA) {
                flush(f);
                f->at++;
                return i;
            }
            leg->heard = now;
            leg->traffic->rx++;
            leg->traffic->rx_bytes += size;
            if (leg->other->length)
                queue(f, leg->other, leg->traffic, (struct iovec){f->packets[i], size});
            else
                leg->traffic->no_destination++;
        }
        flush(f);
        if (*left <= 0)
            return -1;
        for (int i = 0; i < BATCH; i++)
            f->in[i].msg_hdr.msg_namelen = sizeof f->sources[i];
        f->at = 0;
        f->received = recvmmsg(fd, f->in, BATCH, MSG_DONTWAIT, NULL);
        if (f->received <= 0) {
            f->received = 0;
            return -1;
        }
        *left -= f->received < BATCH ? *left : BATCH;      /* a batch that is not full was the last one */
    }
}

const void *crs_packet(struct crs_forwarder *f, int i, int *size)
{
    *size = f->in[i].msg_len;
    return f->packets[i];
}

/* The source of a packet; returns its family. ``ip`` has room for 16 bytes. */
int crs_source(struct crs_forwarder *f, int i, void *ip, int *port, uint32_t *scope)
{
    const union address *a = &f->sources[i];
    int family = a->any.sa_family;
    memcpy(ip, family == AF_INET ? (void *)&a->v4.sin_addr : (void *)&a->v6.sin6_addr, family == AF_INET ? 4 : 16);
    *port = ntohs(a->v4.sin_port);
    *scope = family == AF_INET ? 0 : a->v6.sin6_scope_id;
    return family;
}
