/* The relay's path of a packet in the network driver (XDP): media of a bound address to the other leg of its call.
 *
 * Why: a packet that user space forwards crosses the kernel's network stack twice and a system call both ways; one that
 * is turned round in the driver does neither (doc/decisions/xdp.md has what that saves).
 *
 * It finds a packet's leg, rewrites its headers, sends it out of the device it came from, and counts. No rules here:
 * whatever is not plain media between two bound legs goes up, untouched, to the relay's socket, so that all loops do the
 * same. The maps are filled, and read back, by xdp.py; their layout stands there once more.
 *
 * For the neighbour that a leg is sent through no table is asked (bpf_fib_lookup answers routers only): it is the one
 * that the leg's packets last came from, at first the Binding request, which `knocks` remembers. Where none is known,
 * packets to the leg go up.
 *
 * Unlike a socket this keeps the mark for quality of service and the ID of a packet, takes one from its TTL, and leaves
 * a wrong checksum wrong, for the receiver to find. Firewall rules of this host do not see what is turned round here.
 *
 * Built by xdp_build.py; needs Linux 5.11, and libbpf to be loaded.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))

enum {
    MAX_PACKET = 1500,              /* bytes of UDP payload, as in conversation.py */
    FIRST_MEDIA = 4,                /* a first byte below may be STUN (RFC 7983) */
    STUN_COOKIE = 0x2112a442,       /* at byte 4 of 20 or more (RFC 8489, chapter 5) */
    MAX_KNOCKS = 1 << 12,           /* a Binding is judged long before as many others came */
    MAX_LEGS = 1 << 16,             /* bound ones; the packets of others go up */
    KINDS = 8,                      /* of conversations; enough and even */
    MAX_COUNTS = 512 * KINDS,       /* for each CPU and kind; what comes on further CPUs goes up */
};

static void *(*lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*update)(void *map, const void *key, const void *value, __u64 flags)
    = (void *)BPF_FUNC_map_update_elem;
static __u32 (*this_cpu)(void) = (void *)BPF_FUNC_get_smp_processor_id;
static __u64 (*coarse_ns)(void) = (void *)BPF_FUNC_ktime_get_coarse_ns;

struct flow {                       /* as it arrives; IPv4 addresses in the first 4 bytes of 16, the others 0 */
    __u32 source[4], destination[4];
    __u16 source_port, destination_port;
};

struct route {                      /* how its packets are sent on: */
    struct flow flow;               /* as these */
    __u16 udp_delta, ip_delta;      /* what the rewriting adds to the checksums, which depends on nothing else */
    __u32 leg, other;               /* numbers in `ends` */
    __u16 shortest;                 /* bytes of a packet */
    __u16 kind;
};

struct end {                        /* what is learnt of a leg */
    __u64 heard;                    /* when a packet last came from it, ns of CLOCK_MONOTONIC */
    __u64 neighbour;                /* the MAC address it came from, in the first 6 bytes; 0: none yet */
};

struct count { __u64 packets, bytes, unused[6]; };       /* a cache line, for each CPU and kind */

#define MAP(TYPE, ENTRIES, FLAGS, KEY, VALUE) \
    struct { int (*type)[TYPE], (*max_entries)[ENTRIES], (*map_flags)[FLAGS]; KEY *key; VALUE *value; }

MAP(BPF_MAP_TYPE_HASH, MAX_LEGS, BPF_F_NO_PREALLOC, struct flow, struct route) routes SECTION(".maps");
MAP(BPF_MAP_TYPE_LRU_HASH, MAX_KNOCKS, 0, struct flow, __u64) knocks SECTION(".maps");
MAP(BPF_MAP_TYPE_ARRAY, MAX_LEGS, BPF_F_MMAPABLE, __u32, struct end) ends SECTION(".maps");
MAP(BPF_MAP_TYPE_ARRAY, MAX_COUNTS, BPF_F_MMAPABLE, __u32, struct count) counts SECTION(".maps");

struct packet {
    struct ethhdr *ethernet;
    struct udphdr *udp;
    struct flow flow;
};

INLINE __u16 folded(__u32 sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return sum + (sum >> 16);
}

/* RFC 1624, equation 3 */
INLINE __u16 changed(__u16 checksum, __u16 delta)
{
    return ~folded((__u16)~checksum + delta);
}

INLINE __u64 neighbour(struct packet *packet)
{
    __u64 address = 0;
    __builtin_memcpy(&address, packet->ethernet->h_source, ETH_ALEN);
    return address;
}

/* Nothing is known of this flow. It may be about to be bound: xdp.py then looks here. */
INLINE int knock(struct packet *packet, void *data_end)
{
    __u32 *payload = (void *)(packet->udp + 1);
    __u64 address = neighbour(packet);
    if ((void *)(payload + 5) <= data_end && payload[1] == __builtin_bswap32(STUN_COOKIE))
        update(&knocks, &packet->flow, &address, 0);
    return XDP_PASS;
}

/* Whether a packet from the address of a leg is forwarded without another look; conversation.py says why. */
INLINE int plain_media(struct packet *packet, struct route *route, __u32 size, void *data_end)
{
    __u8 *payload = (void *)(packet->udp + 1);
    return (void *)(payload + 1) <= data_end && *payload >= FIRST_MEDIA && size >= route->shortest
        && size <= MAX_PACKET;
}

/* Whether the route wants this packet; it then is counted, and its leg heard. Else it goes up. */
INLINE int taken(struct packet *packet, struct route *route, struct end *from, struct end *to, void *data_end)
{
    __u32 size = __builtin_bswap16(packet->udp->len) - sizeof *packet->udp;
    __u64 address = neighbour(packet);

    if (from->neighbour != address)
        from->neighbour = address;
    if (!plain_media(packet, route, size, data_end) || !to->neighbour)
        return 0;
    __u32 number = this_cpu() * KINDS + route->kind;
    struct count *count = lookup(&counts, &number);
    if (!count)
        return 0;
    count->packets++;
    count->bytes += size;
    from->heard = coarse_ns();
    return 1;
}

/* Send to the leg's neighbour, from the device's own address: that was the destination. */
INLINE int sent(struct packet *packet, struct route *route, struct end *to)
{
    packet->udp->source = route->flow.source_port;
    packet->udp->dest = route->flow.destination_port;
    if (packet->udp->check) {
        __u16 checksum = changed(packet->udp->check, route->udp_delta);
        packet->udp->check = checksum ? checksum : 0xffff;
    }
    __builtin_memcpy(packet->ethernet->h_source, packet->ethernet->h_dest, ETH_ALEN);
    __builtin_memcpy(packet->ethernet->h_dest, &to->neighbour, ETH_ALEN);
    return XDP_TX;
}

INLINE int ipv4(struct packet *packet, void *data_end)
{
    struct iphdr *ip = (void *)(packet->ethernet + 1);
    struct udphdr *udp = packet->udp = (void *)(ip + 1);
    if ((void *)(udp + 1) > data_end || ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP
        || ip->frag_off & __builtin_bswap16(0x3fff) || ip->ttl < 2
        || __builtin_bswap16(ip->tot_len) != sizeof *ip + __builtin_bswap16(udp->len)
        || (void *)ip + __builtin_bswap16(ip->tot_len) > data_end)
        return XDP_PASS;
    packet->flow.source[0] = ip->saddr;
    packet->flow.destination[0] = ip->daddr;
    packet->flow.source_port = udp->source;
    packet->flow.destination_port = udp->dest;
    struct route *route = lookup(&routes, &packet->flow);
    if (!route)
        return knock(packet, data_end);
    struct end *from = lookup(&ends, &route->leg), *to = lookup(&ends, &route->other);
    if (!from || !to || !taken(packet, route, from, to, data_end))
        return XDP_PASS;
    ip->saddr = route->flow.source[0];
    ip->daddr = route->flow.destination[0];
    ip->ttl--;
    /* a TTL less by one, in the first byte of its word */
    ip->check = changed(ip->check, folded((__u32)route->ip_delta + (__u16)~__builtin_bswap16(0x0100)));
    return sent(packet, route, to);
}

INLINE int ipv6(struct packet *packet, void *data_end)
{
    struct ipv6hdr *ip = (void *)(packet->ethernet + 1);
    struct udphdr *udp = packet->udp = (void *)(ip + 1);
    if ((void *)(udp + 1) > data_end || ip->version != 6 || ip->nexthdr != IPPROTO_UDP || ip->hop_limit < 2
        || ip->payload_len != udp->len || (void *)udp + __builtin_bswap16(udp->len) > data_end || !udp->check)
        return XDP_PASS;
    __builtin_memcpy(packet->flow.source, &ip->saddr, sizeof ip->saddr);
    __builtin_memcpy(packet->flow.destination, &ip->daddr, sizeof ip->daddr);
    packet->flow.source_port = udp->source;
    packet->flow.destination_port = udp->dest;
    struct route *route = lookup(&routes, &packet->flow);
    if (!route)
        return knock(packet, data_end);
    struct end *from = lookup(&ends, &route->leg), *to = lookup(&ends, &route->other);
    if (!from || !to || !taken(packet, route, from, to, data_end))
        return XDP_PASS;
    __builtin_memcpy(&ip->saddr, route->flow.source, sizeof ip->saddr);
    __builtin_memcpy(&ip->daddr, route->flow.destination, sizeof ip->daddr);
    ip->hop_limit--;
    return sent(packet, route, to);
}

SECTION("xdp") int crs_forward(struct xdp_md *context)
{
    void *data_end = (void *)(long)context->data_end;
    struct packet packet = {.ethernet = (void *)(long)context->data};
    if ((void *)(packet.ethernet + 1) > data_end)
        return XDP_PASS;
    if (packet.ethernet->h_proto == __builtin_bswap16(ETH_P_IP))
        return ipv4(&packet, data_end);
    if (packet.ethernet->h_proto == __builtin_bswap16(ETH_P_IPV6))
        return ipv6(&packet, data_end);
    return XDP_PASS;
}

char licence[] SECTION("license") = "Apache-2.0";
