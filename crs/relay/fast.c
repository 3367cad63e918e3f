/* The fast path of the relay: media of a bound address to the one other leg of its conversation, without Python.
 *
 * Why: nearly all that a relay does is this, and the interpreter costs as much per packet as the kernel does. Here
 * packets are received and sent in batches, and found by source address in a hash table.
 *
 * No rules here: what is not plain media is handed to Python one by one and in its turn, so that both loops do the same
 * (forward.py is the other).
 *
 * A loop for each thread that forwards; they share the table, and the counts of each are its own. What sending needs
 * is copied while the table is locked, so nothing here points to a leg when the kernel is called. Needs _GNU_SOURCE.
 */

#include <errno.h>
#include <netinet/udp.h>

#include "fast_table.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103             /* udp(7), Linux 4.18 */
#endif

enum {
    MAX_PACKET = 1500,              /* bytes of UDP payload, as in conversation.py */
    BATCH = 64,                     /* packets of one system call; more bring nothing, and leave the cache */
    MAX_BURST = 40,                 /* packets in one UDP_SEGMENT, which takes 64 KiB */
    SLOTS = 2 * BATCH,              /* for the legs of a batch */
    FIRST_MEDIA = 4,                /* a first byte below may be STUN (RFC 7983) */
};

struct crs_loop {
    struct crs_table *table;
    int number;                     /* among those of the table */
    uint64_t batch;                 /* their number since the start */

    int received, at;               /* packets of this batch, and the first that is not yet judged */
    struct mmsghdr in[BATCH];
    struct iovec in_parts[BATCH];
    union address sources[BATCH];
    unsigned char packets[BATCH][MAX_PACKET + 1];

    int judged;                     /* packets to be sent: */
    struct packet {
        struct iovec part;
        struct crs_counts *counts;
        int fd, following;          /* the next packet of the same burst, -1: none */
        int head;                   /* whether it is the first of a burst; then where to: */
        socklen_t length;
        union address to;
    } out[BATCH];
    struct slot {                   /* the last burst to a leg, of this batch: */
        const struct crs_leg *to;
        uint64_t batch;
        int tail, burst;            /* the last packet, and how many there are */
    } slots[SLOTS];
};

/* Only its own loop writes a counter; others read it at any time. */
static void count(uint64_t *counter, uint64_t more)
{
    __atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static void sent(const struct packet *p)
{
    count(&p->counts->tx, 1);
    count(&p->counts->tx_bytes, p->part.iov_len);
}

/* The kernel refused a packet, or to cut a burst: its packets may be larger than a frame, or the device too simple. */
static void send_singly(struct crs_loop *l, int first)
{
    struct packet *head = &l->out[first];
    for (int i = first; i >= 0; i = l->out[i].following) {
        struct packet *p = &l->out[i];
        struct msghdr single = {.msg_name = &head->to, .msg_namelen = head->length, .msg_iov = &p->part, .msg_iovlen = 1};
        if (sendmsg(head->fd, &single, MSG_DONTWAIT) >= 0)
            sent(p);
        else if (errno == ENETUNREACH || errno == EHOSTUNREACH || errno == EADDRNOTAVAIL || errno == EINVAL
                 || errno == EACCES || errno == EPERM)          /* NO_DESTINATION in forward.py */
            count(&p->counts->no_destination, 1);
        else
            count(&p->counts->failed, 1);
    }
}

/* Send what was judged. Packets of one leg stay in order; those of different legs may pass each other. */
static void flush(struct crs_loop *l)
{
    struct mmsghdr out[BATCH];
    struct iovec parts[BATCH];
    int first[BATCH], bursts = 0, used = 0;
    union { char room[CMSG_SPACE(sizeof(uint16_t))]; struct cmsghdr align; } control[BATCH];

    for (int i = 0; i < l->judged; i++) {
        struct packet *head = &l->out[i];
        if (!head->head)
            continue;
        struct msghdr *m = &out[bursts].msg_hdr;
        *m = (struct msghdr){.msg_name = &head->to, .msg_namelen = head->length, .msg_iov = parts + used};
        for (int j = i; j >= 0; j = l->out[j].following) {
            parts[used++] = l->out[j].part;
            m->msg_iovlen++;
        }
        if (m->msg_iovlen > 1) {
            m->msg_control = &control[bursts];
            m->msg_controllen = sizeof control[bursts].room;
            struct cmsghdr *c = CMSG_FIRSTHDR(m);
            c->cmsg_level = IPPROTO_UDP;
            c->cmsg_type = UDP_SEGMENT;
            c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
            memcpy(CMSG_DATA(c), &(uint16_t){head->part.iov_len}, sizeof(uint16_t));
        }
        first[bursts++] = i;
    }
    for (int done = 0; done < bursts;) {
        int fd = l->out[first[done]].fd, end = done;
        while (end < bursts && l->out[first[end]].fd == fd)
            end++;
        int taken = sendmmsg(fd, out + done, end - done, MSG_DONTWAIT);
        if (taken <= 0)
            send_singly(l, first[done++]);
        for (; taken > 0; taken--)
            for (int i = first[done++]; i >= 0; i = l->out[i].following)
                sent(&l->out[i]);
    }
    l->judged = 0;
    l->batch++;
}

/* The last burst to a leg in this batch. There is always room: a batch has fewer legs than there are slots. */
static struct slot *slot_of(struct crs_loop *l, const struct crs_leg *to)
{
    uint64_t i = (uint64_t)(uintptr_t)to * 0x9E3779B97F4A7C15 >> 32;
    while (l->slots[i % SLOTS].batch == l->batch && l->slots[i % SLOTS].to != to)
        i++;
    return &l->slots[i % SLOTS];
}

/* Put a packet to those that flush() will send: at the end of a burst to the same leg, if it is as long as those. */
static void queue(struct crs_loop *l, const struct crs_leg *to, struct crs_counts *counts, struct iovec part)
{
    struct slot *slot = slot_of(l, to);
    int i = l->judged++, joins = slot->batch == l->batch && slot->burst < MAX_BURST
        && l->out[slot->tail].part.iov_len == part.iov_len;
    struct packet *p = &l->out[i];
    p->part = part;
    p->counts = counts;
    p->following = -1;
    p->head = !joins;
    if (joins) {
        l->out[slot->tail].following = i;
    } else {
        p->fd = to->fds[l->number];
        p->length = to->length;
        p->to = to->address;
    }
    *slot = (struct slot){to, l->batch, i, joins ? slot->burst + 1 : 1};
}

/* --- what Python calls: the path of a packet --------------------------------------------------------------------- */

/* ``number``: below MAX_LOOPS, and used by no other loop of the table. A loop belongs to one thread at a time. */
struct crs_loop *crs_open_loop(struct crs_table *t, int number)
{
    struct crs_loop *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->table = t;
    l->number = number;
    l->batch = 1;
    for (int i = 0; i < BATCH; i++) {
        l->in_parts[i] = (struct iovec){l->packets[i], MAX_PACKET + 1};
        l->in[i].msg_hdr = (struct msghdr){.msg_name = &l->sources[i], .msg_iov = &l->in_parts[i], .msg_iovlen = 1};
    }
    return l;
}

void crs_close_loop(struct crs_loop *l)
{
    free(l);
}

/* Whether a packet from the address of a leg is forwarded without another look; conversation.py says why. */
static int plain_media(const struct crs_leg *leg, const unsigned char *packet, uint32_t size)
{
    return size >= leg->shortest && size <= MAX_PACKET && packet[0] >= FIRST_MEDIA;
}

/* Queue the packets of the batch up to the next one for Python; returns whether there is one, ``at`` which. */
static int judge(struct crs_loop *l, int64_t now)
{
    for (; l->at < l->received; l->at++) {
        uint32_t size = l->in[l->at].msg_len;
        unsigned char *packet = l->packets[l->at];
        struct crs_leg *leg = find(l->table, &l->sources[l->at]);
        if (!leg || !leg->other || !plain_media(leg, packet, size))
            return 1;
        struct crs_counts *counts = &leg->traffic->by[l->number];
        if (__atomic_load_n(&leg->heard, __ATOMIC_RELAXED) != now)       /* read by other loops: seldom written */
            __atomic_store_n(&leg->heard, now, __ATOMIC_RELAXED);
        count(&counts->rx, 1);
        count(&counts->rx_bytes, size);
        if (leg->other->length)
            queue(l, leg->other, counts, (struct iovec){packet, size});
        else
            count(&counts->no_destination, 1);
    }
    return 0;
}

/* Forward what waits at ``fd``, ``*left`` packets at most and in whole batches.
 *
 * Returns the next packet that is for Python to judge (crs_packet), or -1 when there is none: then nothing
 * waits any more, or ``*left`` is used up. After a packet call again, with the same ``fd``.
 */
int crs_forward(struct crs_loop *l, int fd, int64_t now, int *left)
{
    for (;;) {
        if (l->at < l->received) {
            pthread_rwlock_rdlock(&l->table->lock);
            int odd = judge(l, now);
            pthread_rwlock_unlock(&l->table->lock);
            flush(l);
            if (odd)
                return l->at++;
        }
        if (*left <= 0)
            return -1;
        for (int i = 0; i < BATCH; i++)
            l->in[i].msg_hdr.msg_namelen = sizeof l->sources[i];
        l->at = 0;
        l->received = recvmmsg(fd, l->in, BATCH, MSG_DONTWAIT, NULL);
        if (l->received <= 0) {
            l->received = 0;
            return -1;
        }
        *left -= l->received < BATCH ? *left : BATCH;      /* a batch that is not full was the last one */
    }
}

/* A packet of the batch, and its source; returns the family of that. ``ip`` has room for 16 bytes. */
int crs_packet(struct crs_loop *l, int i, const void **packet, int *size, void *ip, int *port, uint32_t *scope)
{
    const union address *a = &l->sources[i];
    int family = a->any.sa_family;
    *packet = l->packets[i];
    *size = l->in[i].msg_len;
    memcpy(ip, family == AF_INET ? (void *)&a->v4.sin_addr : (void *)&a->v6.sin6_addr, family == AF_INET ? 4 : 16);
    *port = ntohs(a->v4.sin_port);
    *scope = family == AF_INET ? 0 : a->v6.sin6_scope_id;
    return family;
}
