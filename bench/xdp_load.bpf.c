/* The load of bench-xdp: a program that makes packets at a rate, and one that counts those that come back.
 *
 * Both run where the kernel takes packets from a driver, so that the load costs far less than what it measures, and
 * what it measures gets packets as a card gives them: in pages of the driver, with checksums that need no check.
 *
 * make_packets runs with BPF_F_TEST_XDP_LIVE_FRAMES. A batch begins when its first packet is due; what could not begin
 * in time is not compensated: no card brings that in a burst. count_packets stands at the same device (TCX) and takes
 * what carries MARK, counting it if it came where it belongs. The rest goes up. Needs Linux 6.6.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#define SECTION(name) __attribute__((section(name), used))

enum { MAX_FLOWS = 1 << 14, STEPS = 8, BUCKETS = 64 * STEPS, MARK = 0x43525358, PATIENCE = 1 << 22 };

static void *(*lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static __u64 (*clock_ns)(void) = (void *)BPF_FUNC_ktime_get_ns;
static long (*redirect)(__u32 device, __u64 flags) = (void *)BPF_FUNC_redirect;
static long (*loop)(__u32 most, void *function, void *context, __u64 flags) = (void *)BPF_FUNC_loop;

struct head {                       /* of every packet, without the MAC addresses' padding */
    struct ethhdr ethernet;
    struct iphdr ip;
    struct udphdr udp;
} __attribute__((packed));

struct body { __u16 rtp; __u16 unused; __u32 mark, run, flow; __u64 sent; } __attribute__((packed));

struct plan {                       /* set before each run, except for what the programs count */
    __u64 start, spacing;           /* ns; of two packets */
    __u32 run, flows, batch, device;
    __u64 sent, received, foreign, bytes, late, longest;
};

struct flow { struct head head; __u16 unused; __u32 to_ip, to_port; };      /* where its packets are to arrive */

#define MAP(TYPE, ENTRIES, FLAGS, KEY, VALUE) \
    struct { int (*type)[TYPE], (*max_entries)[ENTRIES], (*map_flags)[FLAGS]; KEY *key; VALUE *value; }

MAP(BPF_MAP_TYPE_ARRAY, 1, BPF_F_MMAPABLE, __u32, struct plan) plans SECTION(".maps");
MAP(BPF_MAP_TYPE_ARRAY, MAX_FLOWS, BPF_F_MMAPABLE, __u32, struct flow) flows SECTION(".maps");
MAP(BPF_MAP_TYPE_ARRAY, BUCKETS, BPF_F_MMAPABLE, __u32, __u64) histogram SECTION(".maps");

static long due(__u32 turn, void *context)
{
    return clock_ns() >= *(__u64 *)context;
}

SECTION("xdp") int make_packets(struct xdp_md *context)
{
    void *data = (void *)(long)context->data, *data_end = (void *)(long)context->data_end;
    struct head *head = data;
    struct body *body = (void *)(head + 1);
    __u32 zero = 0;
    struct plan *plan = lookup(&plans, &zero);
    if (!plan || (void *)(body + 1) > data_end || !plan->flows || !plan->batch)
        return XDP_DROP;
    if (plan->sent % plan->batch == 0) {
        __u64 when = plan->start + plan->sent * plan->spacing, now = clock_ns();
        if (now < when)
            loop(PATIENCE, due, &when, 0);
        else
            plan->start += now - when;
    }
    __u32 number = plan->sent % plan->flows;
    struct flow *flow = lookup(&flows, &number);
    if (!flow)
        return XDP_DROP;
    *head = flow->head;
    *body = (struct body){.rtp = 0x6080, .mark = MARK, .run = plan->run, .flow = number, .sent = clock_ns()};
    plan->sent++;
    return redirect(plan->device, 0);
}

/* Latencies in 8 steps for each power of two. */
static inline __attribute__((always_inline)) void note(__u64 took)
{
    __u32 shift = 0;
    for (int step = 32; step; step >>= 1)
        if (took >> shift >> step >= STEPS)
            shift += step;
    __u32 number = took < STEPS ? took : (shift + 1) * STEPS + (took >> shift) - STEPS;
    __u64 *bucket = lookup(&histogram, &number);
    if (bucket)
        ++*bucket;
}

SECTION("tc") int count_packets(struct __sk_buff *context)
{
    void *data = (void *)(long)context->data, *data_end = (void *)(long)context->data_end;
    struct head *head = data;
    struct body *body = (void *)(head + 1);
    __u32 zero = 0;
    struct plan *plan = lookup(&plans, &zero);
    if (!plan || (void *)(body + 1) > data_end || head->ethernet.h_proto != __builtin_bswap16(ETH_P_IP)
        || head->ip.protocol != IPPROTO_UDP || body->mark != MARK)
        return TC_ACT_UNSPEC;
    __u32 number = body->flow;
    struct flow *flow = lookup(&flows, &number);
    if (!flow || body->run != plan->run || head->ip.daddr != flow->to_ip || head->udp.dest != flow->to_port) {
        plan->foreign++;
        return TC_ACT_SHOT;
    }
    __u64 took = clock_ns() - body->sent;
    if (took > 100000000)
        plan->late++;
    else
        plan->received++;
    plan->bytes += __builtin_bswap16(head->udp.len) - sizeof head->udp;
    if (took > plan->longest)
        plan->longest = took;
    note(took);
    return TC_ACT_SHOT;
}

char licence[] SECTION("license") = "Apache-2.0";
