/* The load of bench-relay: sends numbered packets of many flows at a rate, and counts every one that comes back.
 *
 * One thread that never sleeps, on a core of its own. It must be faster than what it measures, so it saves system
 * calls where a server cannot: all flows of a side share one socket, which sends from a different loopback address for
 * each (IP_PKTINFO), and each flow in its turn sends a train of packets in one go (UDP_SEGMENT). At the server they
 * arrive one by one. With MIXED the last of a train is a byte shorter: in trains of two nothing is left then that a
 * forwarder could put together, and each packet pays its own way, as among many calls.
 *
 * relay_load PORT_A PORT_B FLOWS_FILE      a line for each flow: side (A, B), source ip, destination ip, port, and the
 *                                          TURN channel (RFC 8656), that is, 4 bytes before each packet, or 0
 *
 * Standard input: lines RATE SIZE SECONDS TRAIN MIXED (packets/s of all flows together; SIZE without those 4 bytes;
 * MIXED 0 or 1). Standard output, for each: sent, seconds, received, late (after 100 ms: no call has use for it, and a
 * queue is no throughput), again (twice or out of order), foreign, p50, p99, p99.9, max (ns one way) of those received,
 * idle (share of turns with nothing to do: 0 means that this program was the limit).
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { BATCH = 64, MAX_FLOWS = 1 << 16, HEAD = 64, ROOM = 1 << 16, RTP = 12, SUB = 64, BUCKETS = 64 * SUB };
enum { LATE = 100000000 };          /* ns */

struct body { uint32_t run, flow, number; uint64_t sent; } __attribute__((packed));
struct flow {
    struct in_addr source;
    struct sockaddr_in to;
    int channel, before;            /* before: bytes of its header */
    uint32_t sent, expected;
};
struct side { int sock, flows, next, index[MAX_FLOWS], before; };

static struct flow flows[MAX_FLOWS];
static struct side sides[2];
static uint64_t histogram[BUCKETS];
static uint64_t received, late, again, foreign, longest;
static uint32_t run;

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Latencies in 64 steps for each power of two: 1.6 % exact. */
static int step(uint64_t ns)
{
    if (ns < SUB)
        return ns;
    int shift = 63 - __builtin_clzll(ns) - 6;
    return (shift + 1) * SUB + (ns >> shift) - SUB;
}

static uint64_t quantile(double share)
{
    uint64_t rank = received * share, seen = 0;
    for (int i = 0; i < BUCKETS; i++)
        if ((seen += histogram[i]) > rank)
            return i < SUB ? (uint64_t)i : (uint64_t)(i % SUB + SUB) << (i / SUB - 1);
    return longest;
}

static void open_side(struct side *side, int port)
{
    int one = 1, size = 32 << 20;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    side->sock = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    setsockopt(side->sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(side->sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(side->sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    if (bind(side->sock, (struct sockaddr *)&any, sizeof any))
        exit((perror("bind"), 1));
}

static void read_flows(const char *name)
{
    char letter, source[32], to[32];
    int port, channel, n = 0;
    FILE *file = fopen(name, "r");
    if (!file)
        exit((perror(name), 1));
    while (n < MAX_FLOWS && fscanf(file, " %c %31s %31s %d %d", &letter, source, to, &port, &channel) == 5) {
        struct side *side = &sides[letter == 'B'];
        flows[n].to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        inet_pton(AF_INET, source, &flows[n].source);
        inet_pton(AF_INET, to, &flows[n].to.sin_addr);
        flows[n].channel = channel;
        flows[n].before = side->before = channel ? 4 : 0;
        side->index[side->flows++] = n++;
    }
    fclose(file);
}

/* Write the next packet of a flow. */
static void write_packet(unsigned char *packet, int number, int size, uint64_t time)
{
    struct flow *flow = &flows[number];
    struct body body = {run, number, flow->sent, time};
    uint16_t sequence = htons(flow->sent), channel[2] = {htons(flow->channel), htons(size)};
    uint32_t stamp = htonl(flow->sent * 160), source = htonl(number + 1);
    memcpy(packet, channel, flow->before);
    packet += flow->before;
    memcpy(packet, "\x80\x60", 2);
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &stamp, 4);
    memcpy(packet + 8, &source, 4);
    memcpy(packet + RTP, &body, sizeof body);
    flow->sent++;
}

/* A train of each of the next `count` flows of a side. Returns the packets that the kernel took. */
static int send_trains(struct side *side, int size, int count, int train, int mixed)
{
    static unsigned char packets[BATCH][ROOM];
    static struct mmsghdr out[BATCH];
    static struct iovec parts[BATCH];
    static union { char room[2 * CMSG_SPACE(sizeof(struct in_pktinfo))]; struct cmsghdr align; } control[BATCH];
    uint64_t time = now();

    for (int i = 0; i < count; i++) {
        int number = side->index[(side->next + i) % side->flows], whole = flows[number].before + size;
        for (int j = 0; j < train; j++)
            write_packet(packets[i] + j * whole, number, size - (mixed && j == train - 1), time);
        parts[i] = (struct iovec){packets[i], train * whole - mixed};
        out[i].msg_hdr = (struct msghdr){.msg_name = &flows[number].to, .msg_namelen = sizeof flows[number].to,
                                         .msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = &control[i],
                                         .msg_controllen = sizeof control[i].room};
        struct cmsghdr *c = CMSG_FIRSTHDR(&out[i].msg_hdr);
        *c = (struct cmsghdr){CMSG_LEN(sizeof(struct in_pktinfo)), IPPROTO_IP, IP_PKTINFO};
        memcpy(CMSG_DATA(c), &(struct in_pktinfo){.ipi_spec_dst = flows[number].source}, sizeof(struct in_pktinfo));
        c = CMSG_NXTHDR(&out[i].msg_hdr, c);
        *c = (struct cmsghdr){CMSG_LEN(sizeof(uint16_t)), IPPROTO_UDP, UDP_SEGMENT};
        memcpy(CMSG_DATA(c), &(uint16_t){whole}, sizeof(uint16_t));
        out[i].msg_hdr.msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(uint16_t));
    }
    int sent = sendmmsg(side->sock, out, count, 0);
    if (sent < 0)
        exit((perror("sendmmsg"), 1));
    for (int i = sent; i < count; i++)
        flows[side->index[(side->next + i) % side->flows]].sent -= train;
    side->next = (side->next + sent) % side->flows;
    return sent * train;
}

static int receive_batch(struct side *side, int size, int mixed)
{
    static unsigned char heads[BATCH][HEAD];
    static struct iovec parts[BATCH];
    static struct mmsghdr in[BATCH];
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){heads[i], HEAD};
        in[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(side->sock, in, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
    uint64_t time = now();
    for (int i = 0; i < count; i++) {
        struct body body;
        memcpy(&body, heads[i] + side->before + RTP, sizeof body);
        int spare = side->before + size - (int)in[i].msg_len;
        if (spare < 0 || spare > mixed || body.run != run || body.flow >= MAX_FLOWS) {
            foreign++;
            continue;
        }
        struct flow *flow = &flows[body.flow];
        if (body.number < flow->expected) {
            again++;
            continue;
        }
        flow->expected = body.number + 1;
        uint64_t took = time - body.sent;
        if (took > LATE) {
            late++;
            continue;
        }
        received++;
        histogram[step(took)]++;
        if (took > longest)
            longest = took;
    }
    return count > 0 ? count : 0;
}

static void measure(double rate, int size, double seconds, int train, int mixed)
{
    uint64_t sent = 0, turns = 0, idle = 0, total = rate * seconds;
    memset(histogram, 0, sizeof histogram);
    received = late = again = foreign = longest = 0;
    run = now() / 1000;
    for (int i = 0; i < MAX_FLOWS; i++)
        flows[i].sent = flows[i].expected = 0;

    uint64_t start = now(), end = start, quiet;
    for (int turn = 0; sent < total && end - start < seconds * 1.2e9; turn ^= 1) {
        int64_t due = ((end - start) * rate / 1e9 - sent) / train;
        struct side *side = &sides[turn];
        int most = side->flows < BATCH / train ? side->flows : BATCH / train, count = due < most ? due : most;
        if (count > 0)
            sent += send_trains(side, size, count, train, mixed);
        int got = receive_batch(&sides[0], size, mixed) + receive_batch(&sides[1], size, mixed);
        turns++;
        idle += count <= 0 && !got;
        end = now();
    }
    for (quiet = now(); now() - quiet < 100000000;)
        if (receive_batch(&sides[0], size, mixed) + receive_batch(&sides[1], size, mixed))
            quiet = now();
    printf("%lu %.6f %lu %lu %lu %lu %lu %lu %lu %lu %.4f\n", sent, (end - start) / 1e9, received, late, again, foreign,
           quantile(.5), quantile(.99), quantile(.999), longest, (double)idle / turns);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    double rate, seconds;
    int size, train, mixed;
    if (argc != 4)
        return 2;
    open_side(&sides[0], atoi(argv[1]));
    open_side(&sides[1], atoi(argv[2]));
    read_flows(argv[3]);
    puts("ready");
    fflush(stdout);
    while (scanf("%lf %d %lf %d %d", &rate, &size, &seconds, &train, &mixed) == 5)
        measure(rate, size, seconds, train, mixed);
    return 0;
}
