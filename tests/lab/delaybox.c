/* A wire with a delay, in user space, for kernels without `tc netem`.
 *
 *   delaybox LEFT RIGHT gro=0|1 [up|down KEY=VALUE ...] ...
 *   example: delaybox left right gro=1 up delay_us=10000 down delay_us=10000
 *
 * Every Ethernet frame that arrives on interface LEFT leaves on RIGHT ("up") after a constant
 * time, and the reverse ("down"); one thread a direction. Keys of a direction:
 *   delay_us       constant delay, counted from the kernel's arrival time stamp
 *   jitter_us      further 0 .. jitter_us, uniform and seeded, never reordering
 *   loss_every     of every so many unicast IP packets the last loss_burst are lost (0: none)
 *   loss_burst     see loss_every (1)
 *   loss_ppm       chance of loss of an IP packet in millionths, seeded
 *   reorder_every  every so many-th IP packet is held reorder_us longer and overtaken
 *   reorder_us     see reorder_every
 *   seed           of jitter and loss
 * ARP, IPv6 neighbour discovery and multicast are never lost or reordered, so counts are exact.
 *
 * Packets cross whole as the kernel had them: a GSO/GRO aggregate of up to 64 KB travels with its
 * virtio header (PACKET_VNET_HDR) and is one packet here, for loss and reordering too; "aggregates"
 * counts them, so that a test of exact loss can see that none came. With gro=1 the kernel joins
 * what arrives on LEFT and RIGHT in single segments (behind a shaper) before the box reads it.
 *
 * On standard input: "stats" prints one line of JSON; "up KEY=VALUE ..." and "down ..." change a
 * direction while it runs and print {}; end of file (the owner is gone) ends the box.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_US 1000ULL
#define NS_PER_S 1000000000ULL
#define VNET_BYTES 10              /* struct virtio_net_hdr */
#define PACKET_BYTES (VNET_BYTES + 18 + 65536)
#define CHUNK_BYTES (1 << 20)
#define MOST_CHUNKS 256            /* 256 MB a direction: 10 Gbit/s x 200 ms */
#define SOCKET_BYTES (64 << 20)    /* what may arrive while the box is not scheduled */
#define LONGEST_NAP_NS (1000 * NS_PER_US)
#define SPARSE_NS (500 * NS_PER_US) /* when the last packet is longer ago, the next is exact: */
#define WAKE_NS (80 * NS_PER_US)   /* woken earlier by what waking may take, and spinning the rest */
#define BATCH 64
#define LATE_BUCKETS 24            /* lateness by powers of two of a microsecond */

struct record { uint64_t due; uint32_t length; uint8_t bytes[]; };
struct chunk { struct chunk *next; size_t filled; size_t taken; uint8_t bytes[CHUNK_BYTES]; };
struct queue { struct chunk *first, *last; uint64_t newest_due, bytes; };

enum { DELAY, JITTER, LOSS_EVERY, LOSS_BURST, LOSS_PPM, REORDER_EVERY, REORDER, SEED, KEYS };
static const char *const key_names[KEYS] = {"delay_us", "jitter_us", "loss_every", "loss_burst",
                                            "loss_ppm", "reorder_every", "reorder_us", "seed"};
enum { RECEIVED, SENT, RECEIVED_BYTES, AGGREGATES, LARGEST, LOST, REORDERED, DROPPED_SOCKET,
       DROPPED_QUEUE, DROPPED_SEND, UNREADABLE, PEAK_QUEUE, LATE_MOST, WAKES, COUNTS };
static const char *const count_names[COUNTS] = {
    "received_packets", "sent_packets", "received_bytes", "aggregates", "largest_bytes",
    "lost_packets", "reordered_packets", "dropped_socket", "dropped_queue", "dropped_send",
    "unreadable", "peak_queue_bytes", "late_most_us", "wakes"};

struct direction {
    const char *name;
    int from, to;
    _Atomic uint64_t keys[KEYS];
    _Atomic uint64_t counts[COUNTS];
    _Atomic uint64_t late[LATE_BUCKETS];
    _Atomic int last_errno;
    struct queue steady, held;
    struct chunk *spare;
    unsigned chunks;
    uint64_t chance, ip_packets, last_sent;
    int64_t clock_offset; /* CLOCK_MONOTONIC - CLOCK_REALTIME, for arrival time stamps */
};

static uint64_t now_ns(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (uint64_t)at.tv_sec * NS_PER_S + (uint64_t)at.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "delaybox: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void add(struct direction *d, int count, uint64_t by) {
    atomic_fetch_add_explicit(&d->counts[count], by, memory_order_relaxed);
}

static void raise_to(struct direction *d, int count, uint64_t value) {
    if (value > atomic_load_explicit(&d->counts[count], memory_order_relaxed))
        atomic_store_explicit(&d->counts[count], value, memory_order_relaxed);
}

static uint64_t key(struct direction *d, int which) {
    return atomic_load_explicit(&d->keys[which], memory_order_relaxed);
}

static uint64_t roll(struct direction *d) { /* splitmix64 */
    uint64_t z = (d->chance += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* Room for one largest packet at the end of the queue, or NULL when the memory bound is reached. */
static struct record *room(struct direction *d, struct queue *q) {
    size_t needed = sizeof(struct record) + PACKET_BYTES;
    if (q->last && CHUNK_BYTES - q->last->filled >= needed)
        return (struct record *)(q->last->bytes + q->last->filled);
    struct chunk *fresh = d->spare;
    if (fresh) {
        d->spare = fresh->next;
    } else {
        if (d->chunks >= MOST_CHUNKS || !(fresh = malloc(sizeof *fresh)))
            return NULL;
        d->chunks++;
    }
    fresh->next = NULL;
    fresh->filled = fresh->taken = 0;
    if (q->last)
        q->last->next = fresh;
    else
        q->first = fresh;
    q->last = fresh;
    return (struct record *)fresh->bytes;
}

static size_t record_bytes(uint32_t length) {
    return (sizeof(struct record) + length + 7) & ~(size_t)7;
}

static void append(struct direction *d, struct queue *q, struct record *r) {
    if (r->due < q->newest_due)
        r->due = q->newest_due; /* jitter and changed delays never reorder */
    q->newest_due = r->due;
    q->last->filled += record_bytes(r->length);
    q->bytes += r->length;
    raise_to(d, PEAK_QUEUE, d->steady.bytes + d->held.bytes);
}

static struct record *head(struct queue *q) {
    if (!q->first || q->first->taken == q->first->filled)
        return NULL;
    return (struct record *)(q->first->bytes + q->first->taken);
}

/* Forget the head; its bytes stay readable until the chunk is used again by room(). */
static void take(struct direction *d, struct queue *q) {
    struct chunk *c = q->first;
    struct record *r = head(q);
    q->bytes -= r->length;
    c->taken += record_bytes(r->length);
    if (c->taken < c->filled)
        return;
    if (c == q->last) {
        c->taken = c->filled = 0; /* empty: begin again in the same warm memory */
        return;
    }
    q->first = c->next;
    c->next = d->spare;
    d->spare = c;
}

/* True for unicast IP packets but neighbour discovery: those that loss and reordering count. */
static bool countable(const uint8_t *frame, size_t length) {
    if (length < ETH_HLEN + 20 || frame[0] & 1)
        return false;
    unsigned type = (unsigned)frame[12] << 8 | frame[13];
    if (type == ETHERTYPE_IPV6)
        return !(length > 54 && frame[20] == 58 && frame[54] >= 133 && frame[54] <= 137);
    return type == ETHERTYPE_IP;
}

static bool loses(struct direction *d) {
    uint64_t every = key(d, LOSS_EVERY), ppm = key(d, LOSS_PPM);
    if (every && (d->ip_packets - 1) % every >= every - key(d, LOSS_BURST))
        return true;
    return ppm && roll(d) % 1000000 < ppm;
}

/* Decide about a packet that lies at the end of the steady queue. */
static void accept_packet(struct direction *d, struct record *r, uint64_t arrived) {
    const uint8_t *frame = r->bytes + VNET_BYTES;
    add(d, RECEIVED, 1);
    add(d, RECEIVED_BYTES, r->length - VNET_BYTES);
    raise_to(d, LARGEST, r->length - VNET_BYTES);
    if (r->bytes[1] != 0) /* gso_type */
        add(d, AGGREGATES, 1);
    r->due = arrived + key(d, DELAY) * NS_PER_US;
    if (countable(frame, r->length - VNET_BYTES)) {
        d->ip_packets++;
        if (loses(d)) {
            add(d, LOST, 1);
            return;
        }
        uint64_t every = key(d, REORDER_EVERY);
        if (every && d->ip_packets % every == 0) {
            struct record *copy = room(d, &d->held);
            if (!copy) {
                add(d, DROPPED_QUEUE, 1);
                return;
            }
            memcpy(copy, r, sizeof *r + r->length);
            copy->due += key(d, REORDER) * NS_PER_US;
            append(d, &d->held, copy);
            add(d, REORDERED, 1);
            return;
        }
    }
    uint64_t jitter = key(d, JITTER);
    if (jitter)
        r->due += roll(d) % (jitter * NS_PER_US + 1);
    append(d, &d->steady, r);
}

static uint64_t arrival(struct direction *d, struct msghdr *message, uint64_t now) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec at;
            memcpy(&at, CMSG_DATA(c), sizeof at);
            uint64_t stamped = (uint64_t)((int64_t)((uint64_t)at.tv_sec * NS_PER_S +
                                          (uint64_t)at.tv_nsec) + d->clock_offset);
            /* a clock that was set between stamp and reading must not hold packets for hours */
            return stamped > now || now - stamped > NS_PER_S ? now : stamped;
        }
    return now;
}

/* Take what has arrived, at most `most` packets; true when there may be more. */
static bool receive(struct direction *d, unsigned most) {
    uint64_t now = now_ns(CLOCK_MONOTONIC);
    d->clock_offset = (int64_t)(now - now_ns(CLOCK_REALTIME));
    for (unsigned i = 0; i < most; i++) {
        static _Thread_local uint8_t sink[PACKET_BYTES];
        struct record *r = room(d, &d->steady);
        char control[256];
        struct iovec place = {r ? r->bytes : sink, PACKET_BYTES};
        struct msghdr message = {.msg_iov = &place, .msg_iovlen = 1,
                                 .msg_control = control, .msg_controllen = sizeof control};
        ssize_t length = recvmsg(d->from, &message, MSG_DONTWAIT | MSG_TRUNC);
        if (length < 0) {
            if (errno == EAGAIN || errno == EINTR)
                return false;
            atomic_store(&d->last_errno, errno); /* ENETDOWN while interfaces are made */
            add(d, UNREADABLE, errno != ENETDOWN);
            continue;
        }
        if (!r) {
            add(d, DROPPED_QUEUE, 1);
            continue;
        }
        if (length > PACKET_BYTES) {
            add(d, UNREADABLE, 1);
            continue;
        }
        r->length = (uint32_t)length;
        accept_packet(d, r, arrival(d, &message, now_ns(CLOCK_MONOTONIC)));
    }
    return true;
}

static void note_lateness(struct direction *d, uint64_t due, uint64_t now) {
    uint64_t late_us = (now - due) / NS_PER_US;
    raise_to(d, LATE_MOST, late_us);
    unsigned bucket = late_us ? 64 - (unsigned)__builtin_clzll(late_us) : 0;
    if (bucket >= LATE_BUCKETS)
        bucket = LATE_BUCKETS - 1;
    atomic_fetch_add_explicit(&d->late[bucket], 1, memory_order_relaxed);
}

static struct queue *earliest(struct direction *d) {
    struct record *steady = head(&d->steady), *held = head(&d->held);
    if (held && (!steady || held->due < steady->due))
        return &d->held;
    return steady ? &d->steady : NULL;
}

/* Send everything that is due; packets go in batches, one system call for up to BATCH. */
static void send_due(struct direction *d) {
    uint64_t now = now_ns(CLOCK_MONOTONIC);
    for (;;) {
        struct mmsghdr messages[BATCH];
        struct iovec places[BATCH];
        unsigned count = 0;
        struct queue *q;
        while (count < BATCH && (q = earliest(d)) && head(q)->due <= now) {
            struct record *r = head(q);
            places[count] = (struct iovec){r->bytes, r->length};
            memset(&messages[count], 0, sizeof messages[count]);
            messages[count].msg_hdr.msg_iov = &places[count];
            messages[count].msg_hdr.msg_iovlen = 1;
            d->last_sent = now;
            note_lateness(d, r->due, now);
            take(d, q);
            count++;
        }
        if (!count)
            return;
        for (unsigned done = 0; done < count;) {
            int sent = sendmmsg(d->to, messages + done, count - done, 0);
            if (sent > 0) {
                add(d, SENT, (uint64_t)sent);
                done += (unsigned)sent;
            } else if (errno != EINTR) {
                atomic_store(&d->last_errno, errno);
                add(d, DROPPED_SEND, 1);
                done++;
            }
        }
        now = now_ns(CLOCK_MONOTONIC);
    }
}

/* Nothing due: sleep until something is, or until something arrives when nothing waits. Arrivals
 * are not watched for while something waits: their stamps say when they came, and they are due no
 * earlier than one delay from now, so one system call less a packet. */
static void wait_for_work(struct direction *d) {
    struct queue *q = earliest(d);
    add(d, WAKES, 1);
    if (!q) {
        struct pollfd arrivals = {.fd = d->from, .events = POLLIN};
        poll(&arrivals, 1, -1);
        return;
    }
    uint64_t delay = key(d, DELAY) * NS_PER_US;
    uint64_t until = now_ns(CLOCK_MONOTONIC) + (delay < LONGEST_NAP_NS ? delay : LONGEST_NAP_NS);
    uint64_t due = head(q)->due;
    bool sparse = due < until && due > d->last_sent + SPARSE_NS;
    if (due < until)
        until = sparse ? due - WAKE_NS : due;
    struct timespec at = {(time_t)(until / NS_PER_S), (long)(until % NS_PER_S)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    while (sparse && now_ns(CLOCK_MONOTONIC) < due)
        ;
}

static void *carry(void *argument) {
    struct direction *d = argument;
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (;;) {
        bool more = receive(d, 256);
        send_due(d);
        if (!more)
            wait_for_work(d);
    }
    return NULL;
}

static void switch_gro(int fd, const char *name, bool on) {
    struct ethtool_value wish = {.cmd = ETHTOOL_SGRO, .data = on};
    struct ifreq request = {.ifr_data = (void *)&wish};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(fd, SIOCETHTOOL, &request))
        die("ETHTOOL_SGRO");
}

static int open_side(const char *name, bool gro) {
    int yes = 1, bytes = SOCKET_BYTES;
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket(AF_PACKET), needs CAP_NET_RAW");
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(name)};
    if (!at.sll_ifindex)
        die(name);
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof yes))
        die("PACKET_VNET_HDR");
    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes))
        die("PACKET_IGNORE_OUTGOING");
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes))
        die("SO_TIMESTAMPNS");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes))
        die("SO_RCVBUFFORCE, needs CAP_NET_ADMIN");
    switch_gro(fd, name, gro);
    struct packet_mreq all = {.mr_ifindex = at.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all))
        die("PACKET_MR_PROMISC");
    if (bind(fd, (struct sockaddr *)&at, sizeof at))
        die("bind");
    return fd;
}

static void count_socket_drops(struct direction *d) {
    struct tpacket_stats seen;
    socklen_t length = sizeof seen;
    if (!getsockopt(d->from, SOL_PACKET, PACKET_STATISTICS, &seen, &length))
        add(d, DROPPED_SOCKET, seen.tp_drops); /* reading clears the kernel's counter */
}

static void print_direction(struct direction *d) {
    count_socket_drops(d);
    printf("\"%s\":{", d->name);
    for (int i = 0; i < COUNTS; i++)
        printf("\"%s\":%" PRIu64 ",", count_names[i], atomic_load(&d->counts[i]));
    printf("\"last_errno\":%d,\"late\":[", atomic_load(&d->last_errno));
    for (int i = 0; i < LATE_BUCKETS; i++)
        printf("%s%" PRIu64, i ? "," : "", atomic_load(&d->late[i]));
    printf("]}");
}

static void set_key(struct direction *d, const char *word) {
    const char *equals = strchr(word, '=');
    char *end = NULL;
    for (int i = 0; equals && i < KEYS; i++) {
        size_t length = strlen(key_names[i]);
        if ((size_t)(equals - word) != length || strncmp(word, key_names[i], length))
            continue;
        uint64_t value = strtoull(equals + 1, &end, 10);
        if (end == equals + 1 || *end)
            break;
        atomic_store(&d->keys[i], value);
        if (i == SEED)
            d->chance = value;
        return;
    }
    fprintf(stderr, "delaybox: found %s, allowed is KEY=NUMBER with one of:", word);
    for (int i = 0; i < KEYS; i++)
        fprintf(stderr, " %s", key_names[i]);
    fprintf(stderr, "\n");
    exit(2);
}

static struct direction directions[2] = {{.name = "up"}, {.name = "down"}};

static void configure(char *words[], int count) {
    struct direction *d = NULL;
    for (int i = 0; i < count; i++) {
        if (!strcmp(words[i], "up") || !strcmp(words[i], "down"))
            d = &directions[words[i][0] == 'd'];
        else if (d)
            set_key(d, words[i]);
        else
            errno = EINVAL, die("expected up or down before the keys");
    }
}

static void obey(void) {
    char line[1024];
    while (fgets(line, sizeof line, stdin)) {
        char *words[32];
        int count = 0;
        for (char *w = strtok(line, " \n"); w && count < 32; w = strtok(NULL, " \n"))
            words[count++] = w;
        printf("{");
        if (count == 1 && !strcmp(words[0], "stats")) {
            print_direction(&directions[0]);
            printf(",");
            print_direction(&directions[1]);
        } else {
            configure(words, count);
        }
        printf("}\n");
        fflush(stdout);
    }
}

int main(int argc, char *argv[]) {
    if (argc < 4 || strncmp(argv[3], "gro=", 4)) {
        fprintf(stderr, "usage: delaybox LEFT RIGHT gro=0|1 [up|down KEY=VALUE ...] ...\n");
        return 2;
    }
    for (int i = 0; i < 2; i++) {
        atomic_store(&directions[i].keys[LOSS_BURST], 1);
        directions[i].chance = 1;
    }
    configure(argv + 4, argc - 4);
    bool gro = argv[3][4] == '1';
    int left = open_side(argv[1], gro), right = open_side(argv[2], gro);
    directions[0].from = directions[1].to = left;
    directions[0].to = directions[1].from = right;
    struct sched_param first = {.sched_priority = 1};
    sched_setscheduler(0, SCHED_FIFO, &first); /* where allowed: on time on a busy machine */
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, carry, &directions[i]))
            die("pthread_create");
    }
    printf("{\"ready\":true}\n");
    fflush(stdout);
    obey();
    return 0;
}
