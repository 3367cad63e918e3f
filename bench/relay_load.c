/* The load of bench-relay: sends numbered packets of many flows at a rate, and counts every one that comes back.
 *
 * One thread that never sleeps, on a core of its own. All flows of a side share one socket, which sends from a different
 * loopback address for each (IP_PKTINFO): thousands of clients for the price of two sockets, in batches. Flows take
 * turns, so that no two packets of a batch are of the same flow, as among many calls.
 *
 * relay_load PORT_A PORT_B FLOWS_FILE      a line for each flow: side (A, B), source ip, destination ip, port, prefix
 *                                          (hex, before each packet, "-": none), bytes to skip in what comes to its side
 * then on standard input: RATE SIZE SECONDS (packets/s of all flows together; SIZE without prefix), and on standard
 * output for each the line: sent, seconds, received, again (twice or out of order), foreign, p50, p99, p99.9, max (ns one
 * way), idle (share of turns with nothing to do: 0 means that this program was the limit).
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, MAX_FLOWS = 1 << 16, HEAD = 64, RTP = 12, SUB = 64, BUCKETS = 64 * SUB };

struct body { uint32_t run, flow, number; uint64_t sent; } __attribute__((packed));
struct flow {
    struct in_addr source;
    struct sockaddr_in to;
    unsigned char prefix[16];
    int prefix_size, skip;
    uint32_t sent, expected;
};
struct side { int sock, flows, next, index[MAX_FLOWS], skip; };

static struct flow flows[MAX_FLOWS];
static struct side sides[2];
static uint64_t histogram[BUCKETS];
static uint64_t received, again, foreign, longest;
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
            return i < SUB ? i : (uint64_t)(i % SUB + SUB) << (i / SUB - 1);
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
    char letter, source[32], to[32], prefix[40];
    int port, skip, n = 0;
    FILE *file = fopen(name, "r");
    if (!file)
        exit((perror(name), 1));
    while (n < MAX_FLOWS && fscanf(file, " %c %31s %31s %d %39s %d", &letter, source, to, &port, prefix, &skip) == 6) {
        struct flow *flow = &flows[n];
        flow->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        inet_pton(AF_INET, source, &flow->source);
        inet_pton(AF_INET, to, &flow->to.sin_addr);
        if (strcmp(prefix, "-"))
            for (char *at = prefix; sscanf(at, "%2hhx", &flow->prefix[flow->prefix_size]) == 1; at += 2)
                flow->prefix_size++;
        struct side *side = &sides[letter == 'B'];
        side->skip = skip;
        side->index[side->flows++] = n++;
    }
    fclose(file);
}

/* One packet of each of the next `count` flows of a side. Returns how many the kernel took. */
static int send_batch(struct side *side, int size, int count)
{
    static unsigned char packets[BATCH][16 + 9000];
    static struct mmsghdr out[BATCH];
    static struct iovec parts[BATCH];
    static union { char room[CMSG_SPACE(sizeof(struct in_pktinfo))]; struct cmsghdr align; } control[BATCH];
    uint64_t time = now();

    for (int i = 0; i < count; i++) {
        int number = side->index[(side->next + i) % side->flows];
        struct flow *flow = &flows[number];
        unsigned char *rtp = packets[i] + flow->prefix_size;
        struct body body = {run, number, flow->sent, time};
        uint16_t sequence = htons(flow->sent);
        uint32_t stamp = htonl(flow->sent * 160), source = htonl(number + 1);
        memcpy(packets[i], flow->prefix, flow->prefix_size);
        memcpy(rtp, "\x80\x60", 2);
        memcpy(rtp + 2, &sequence, 2);
        memcpy(rtp + 4, &stamp, 4);
        memcpy(rtp + 8, &source, 4);
        memcpy(rtp + RTP, &body, sizeof body);
        parts[i] = (struct iovec){packets[i], flow->prefix_size + size};
        out[i].msg_hdr = (struct msghdr){&flow->to, sizeof flow->to, &parts[i], 1, &control[i], sizeof control[i].room, 0};
        struct cmsghdr *c = &control[i].align;
        *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo)), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
        struct in_pktinfo info = {.ipi_spec_dst = flow->source};
        memcpy(CMSG_DATA(c), &info, sizeof info);
    }
    int sent = sendmmsg(side->sock, out, count, 0);
    for (int i = 0; i < sent; i++)
        flows[side->index[(side->next + i) % side->flows]].sent++;
    if (sent > 0)
        side->next = (side->next + sent) % side->flows;
    return sent > 0 ? sent : 0;
}

static int receive_batch(struct side *side, int size)
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
        memcpy(&body, heads[i] + side->skip + RTP, sizeof body);
        if ((int)in[i].msg_len != side->skip + size || body.run != run || body.flow >= MAX_FLOWS) {
            foreign++;
            continue;
        }
        struct flow *flow = &flows[body.flow];
        if (body.number < flow->expected) {
            again++;
            continue;
        }
        flow->expected = body.number + 1;
        received++;
        uint64_t took = time - body.sent;
        histogram[step(took)]++;
        if (took > longest)
            longest = took;
    }
    return count > 0 ? count : 0;
}

static void measure(double rate, int size, double seconds)
{
    uint64_t sent = 0, turns = 0, idle = 0, total = rate * seconds;
    memset(histogram, 0, sizeof histogram);
    received = again = foreign = longest = 0;
    run = now() / 1000;
    for (int i = 0; i < MAX_FLOWS; i++)
        flows[i].sent = flows[i].expected = 0;

    uint64_t start = now(), end = start, quiet;
    for (int turn = 0; sent < total && end - start < seconds * 1.2e9; turn ^= 1) {
        int64_t due = (end - start) * rate / 1e9 - sent;
        struct side *side = &sides[turn];
        int most = side->flows < BATCH ? side->flows : BATCH, count = due < most ? due : most;
        if (count > 0)
            sent += send_batch(side, size, count);
        int got = receive_batch(&sides[0], size) + receive_batch(&sides[1], size);
        turns++;
        idle += count <= 0 && !got;
        end = now();
    }
    for (quiet = now(); now() - quiet < 100000000;)
        if (receive_batch(&sides[0], size) + receive_batch(&sides[1], size))
            quiet = now();
    printf("%lu %.6f %lu %lu %lu %lu %lu %lu %lu %.4f\n", sent, (end - start) / 1e9, received, again, foreign,
           quantile(.5), quantile(.99), quantile(.999), longest, (double)idle / turns);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    double rate, seconds;
    int size;
    if (argc != 4)
        return 2;
    open_side(&sides[0], atoi(argv[1]));
    open_side(&sides[1], atoi(argv[2]));
    read_flows(argv[3]);
    puts("ready");
    fflush(stdout);
    while (scanf("%lf %d %lf", &rate, &size, &seconds) == 3)
        measure(rate, size, seconds);
    return 0;
}
