/* The limit that bench-relay compares with: receives and sends in batches, all to one fixed destination, no lookup.
 *
 * relay_bare IP PORT TO_IP TO_PORT
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 64, ROOM = 2048 };

int main(int argc, char **argv)
{
    static unsigned char packets[BATCH][ROOM];
    static struct mmsghdr messages[BATCH];
    static struct iovec parts[BATCH];
    int size = 4 << 20;
    if (argc != 5)
        return 2;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[4]))};
    inet_pton(AF_INET, argv[1], &own.sin_addr);
    inet_pton(AF_INET, argv[3], &to.sin_addr);
    struct pollfd wait = {.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), .events = POLLIN};
    setsockopt(wait.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(wait.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    if (bind(wait.fd, (struct sockaddr *)&own, sizeof own))
        return perror("bind"), 1;
    puts("ready");
    fflush(stdout);
    for (int count;;) {
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){packets[i], ROOM};
            messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
        }
        if ((count = recvmmsg(wait.fd, messages, BATCH, 0, NULL)) <= 0) {
            poll(&wait, 1, -1);
            continue;
        }
        for (int i = 0; i < count; i++) {
            parts[i].iov_len = messages[i].msg_len;
            messages[i].msg_hdr.msg_name = &to;
            messages[i].msg_hdr.msg_namelen = sizeof to;
        }
        for (int done = 0, sent; done < count; done += sent > 0 ? sent : 1)
            sent = sendmmsg(wait.fd, messages + done, count - done, 0);
    }
}
