/*
 * Which server a data directory belongs to.
 *
 * The log says nothing of ids: started with another server's --id, it would
 * vote a second time in that one's name. So the id and the group stand beside
 * it, written once, before the log is made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "host/host_state.h"

#define PATH_BYTES 4096

static int fail(struct craft_host *host, const char *what, const char *path)
{
    return craft_host_fail(host, CRAFT_HOST_ERR_STORAGE, "cannot %s %s: %s",
                           what, path, strerror(errno));
}

static int sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rv;

    if (fd < 0) {
        return -1;
    }
    rv = fsync(fd);
    (void)close(fd);
    return rv;
}

/* The directory that holds path, which may end in slashes. */
static int sync_parent(const char *path)
{
    char parent[PATH_BYTES];
    size_t len = strlen(path);

    while (len > 0 && path[len - 1] == '/') {
        len--;
    }
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    if (len == 0) {
        return sync_directory(".");
    }
    memcpy(parent, path, len);
    parent[len] = '\0';
    return sync_directory(parent);
}

static int make_directory(struct craft_host *host, const char *path)
{
    if (mkdir(path, 0777) == 0) {
        return sync_parent(path) == 0 ? 0 : fail(host, "sync", path);
    }
    return errno == EEXIST ? 0 : fail(host, "make directory", path);
}

static int write_file(int fd, const char *text)
{
    size_t len = strlen(text);
    size_t written = 0;

    while (written < len) {
        ssize_t rv = write(fd, text + written, len - written);

        if (rv < 0 && errno != EINTR) {
            return -1;
        }
        written += rv < 0 ? 0 : (size_t)rv;
    }
    return fsync(fd);
}

static int write_identity(struct craft_host *host, const char *data_dir,
                          const char *path)
{
    char temporary[PATH_BYTES];
    char text[128];
    int fd;
    int rv;

    (void)snprintf(temporary, sizeof temporary, "%s/server.new", data_dir);
    (void)snprintf(text, sizeof text, "craft server 1\nid %llu\ngroup %llu\n",
                   (unsigned long long)host->id,
                   (unsigned long long)host->group);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return fail(host, "make", temporary);
    }
    rv = write_file(fd, text);
    if (close(fd) != 0 || rv != 0) {
        return fail(host, "write", temporary);
    }
    if (rename(temporary, path) != 0 || sync_directory(data_dir) != 0) {
        return fail(host, "make", path);
    }
    return 0;
}

static int check_identity(struct craft_host *host, const char *path,
                          const char *text)
{
    unsigned long long id = 0;
    unsigned long long group = 0;

    if (sscanf(text, "craft server 1\nid %llu\ngroup %llu\n", &id, &group) !=
        2) {
        return craft_host_fail(host, CRAFT_ERR_CORRUPT,
                               "%s is not what craft wrote", path);
    }
    if (id != host->id || group != host->group) {
        return craft_host_fail(host, CRAFT_HOST_ERR_FOREIGN,
                               "%s: the directory belongs to server %llu of "
                               "group %llu, not to %llu of %llu",
                               path, id, group, (unsigned long long)host->id,
                               (unsigned long long)host->group);
    }
    return 0;
}

int craft_host_identify(struct craft_host *host, const char *data_dir)
{
    char path[PATH_BYTES];
    char text[128] = {0};
    ssize_t len;
    int fd;
    int rv;

    if (strlen(data_dir) > PATH_BYTES - 64) {
        return craft_host_fail(host, CRAFT_ERR_INVALID, "data_dir is too long");
    }
    rv = make_directory(host, data_dir);
    if (rv != 0) {
        return rv;
    }
    (void)snprintf(path, sizeof path, "%s/server", data_dir);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? write_identity(host, data_dir, path)
                               : fail(host, "read", path);
    }
    len = read(fd, text, sizeof text - 1);
    (void)close(fd);
    return len < 0 ? fail(host, "read", path)
                   : check_identity(host, path, text);
}
