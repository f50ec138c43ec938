/*
 * What the machine itself takes, beside which a server's times stand.
 *
 *   bench_machine sync FILE     microseconds of a write of 4 KiB into a
 *                               preallocated file with its fdatasync
 *   bench_machine loopback      microseconds of 128 bytes there and back over
 *                               TCP on 127.0.0.1, between two processes
 *
 * Prints the median of many.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SYNCS 200u
#define SYNC_BYTES 4096u
#define TRIPS 4000u
#define TRIP_BYTES 128u

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;

    return (*a > *b) - (*a < *b);
}

static void print_median(double *values, size_t values_len)
{
    qsort(values, values_len, sizeof *values, compare);
    printf("%.2f\n", values[values_len / 2]);
}

static void write_all(int fd, const uint8_t *data, size_t data_len)
{
    while (data_len > 0) {
        ssize_t n = write(fd, data, data_len);

        if (n <= 0) {
            die("write");
        }
        data += n;
        data_len -= (size_t)n;
    }
}

static int read_all(int fd, uint8_t *data, size_t data_len)
{
    while (data_len > 0) {
        ssize_t n = read(fd, data, data_len);

        if (n <= 0) {
            return -1;
        }
        data += n;
        data_len -= (size_t)n;
    }
    return 0;
}

static void measure_sync(const char *path)
{
    static double times[SYNCS];
    static uint8_t block[SYNC_BYTES];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    if (fd < 0) {
        die(path);
    }
    for (size_t i = 0; i < SYNCS; i++) {
        write_all(fd, block, sizeof block);
    }
    if (fsync(fd) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
        die(path);
    }
    for (size_t i = 0; i < SYNCS; i++) {
        double start = now_us();

        memset(block, (int)i, sizeof block);
        write_all(fd, block, sizeof block);
        if (fdatasync(fd) != 0) {
            die("fdatasync");
        }
        times[i] = now_us() - start;
    }
    close(fd);
    unlink(path);
    print_median(times, SYNCS);
}

/* The other end: sends back whatever arrives, until the first has gone. */
static void echo(const struct sockaddr_in *address)
{
    uint8_t bytes[TRIP_BYTES];
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (const void *)address, sizeof *address) != 0) {
        die("connect");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (read_all(fd, bytes, sizeof bytes) == 0) {
        write_all(fd, bytes, sizeof bytes);
    }
    _exit(0);
}

static int accept_echo(pid_t *child)
{
    struct sockaddr_in address;
    socklen_t address_len = sizeof address;
    int on = 1;
    int fd;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (void *)&address, sizeof address) != 0 ||
        listen(listener, 1) != 0 ||
        getsockname(listener, (void *)&address, &address_len) != 0) {
        die("listen");
    }
    *child = fork();
    if (*child < 0) {
        die("fork");
    }
    if (*child == 0) {
        close(listener);
        echo(&address);
    }
    fd = accept(listener, NULL, NULL);
    if (fd < 0) {
        die("accept");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    close(listener);
    return fd;
}

static void measure_loopback(void)
{
    static double times[TRIPS];
    uint8_t bytes[TRIP_BYTES] = {0};
    pid_t child;
    int fd = accept_echo(&child);

    for (size_t i = 0; i < TRIPS; i++) {
        double start = now_us();

        write_all(fd, bytes, sizeof bytes);
        if (read_all(fd, bytes, sizeof bytes) != 0) {
            die("read");
        }
        times[i] = now_us() - start;
    }
    close(fd);
    waitpid(child, NULL, 0);
    print_median(times, TRIPS);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "sync") == 0) {
        measure_sync(argv[2]);
    } else if (argc == 2 && strcmp(argv[1], "loopback") == 0) {
        measure_loopback();
    } else {
        fputs("usage: bench_machine sync FILE | bench_machine loopback\n",
              stderr);
        return 2;
    }
    return 0;
}
