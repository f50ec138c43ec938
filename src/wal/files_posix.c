/* The file calls of a POSIX system. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "craft/wal.h"

static int posix_make_directory(void *ctx, const char *path)
{
    (void)ctx;
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

/* Data to the platter: macOS has it under another name only. */
static int sync_file(int file, int metadata)
{
#if defined(F_FULLFSYNC)
    (void)metadata;
    if (fcntl(file, F_FULLFSYNC) == 0) {
        return 0;
    }
    return fsync(file) == 0 ? 0 : -errno; /* not every file system has it */
#else
    return (metadata ? fsync(file) : fdatasync(file)) == 0 ? 0 : -errno;
#endif
}

static int posix_sync(void *ctx, int file, int metadata)
{
    (void)ctx;
    return sync_file(file, metadata);
}

static int posix_sync_directory(void *ctx, const char *path)
{
    int file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rv;

    (void)ctx;
    if (file < 0) {
        return -errno;
    }
    rv = sync_file(file, 1);
    (void)close(file);
    return rv;
}

static int posix_list(void *ctx, const char *path,
                      void (*each)(void *arg, const char *name), void *arg)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    int rv;

    (void)ctx;
    if (directory == NULL) {
        return -errno;
    }
    /* A stream of our own: no other thread reads from it. */
    /* cppcheck-suppress readdirCalled */
    for (errno = 0; (entry = readdir(directory)) != NULL; errno = 0) {
        each(arg, entry->d_name);
    }
    rv = -errno;
    (void)closedir(directory);
    return rv;
}

static int posix_open(void *ctx, const char *path, uint32_t flags)
{
    int how = flags & CRAFT_WAL_OPEN_WRITE ? O_RDWR : O_RDONLY;
    int file;

    (void)ctx;
    if (flags & CRAFT_WAL_OPEN_CREATE) {
        how |= O_CREAT | O_TRUNC;
    }
    file = open(path, how | O_CLOEXEC, 0600);
    /* cppcheck-suppress resourceLeak */
    return file >= 0 ? file : -errno;
}

static int posix_close(void *ctx, int file)
{
    (void)ctx;
    return close(file) == 0 ? 0 : -errno;
}

static int64_t posix_size(void *ctx, int file)
{
    struct stat info;

    (void)ctx;
    return fstat(file, &info) == 0 ? (int64_t)info.st_size : -errno;
}

static int64_t posix_read(void *ctx, int file, void *data, size_t data_len,
                          uint64_t offset)
{
    ssize_t rv = pread(file, data, data_len, (off_t)offset);

    (void)ctx;
    return rv >= 0 ? (int64_t)rv : -errno;
}

static int64_t posix_write(void *ctx, int file, const void *data,
                           size_t data_len, uint64_t offset)
{
    ssize_t rv = pwrite(file, data, data_len, (off_t)offset);

    (void)ctx;
    return rv >= 0 ? (int64_t)rv : -errno;
}

static int posix_rename(void *ctx, const char *from, const char *to)
{
    (void)ctx;
    return rename(from, to) == 0 ? 0 : -errno;
}

static int posix_unlink(void *ctx, const char *path)
{
    (void)ctx;
    return unlink(path) == 0 ? 0 : -errno;
}

static int posix_lock(void *ctx, const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    (void)ctx;
    if (file < 0) {
        return -errno;
    }
    /* Of the open file, not of the process: a second open in the same process
       is refused too, and closing another handle does not give it up. */
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        int rv = -errno;

        (void)close(file);
        return rv;
    }
    return file;
}

static int posix_random(void *ctx, void *data, size_t data_len)
{
    int file = posix_open(ctx, "/dev/urandom", 0);
    ssize_t rv;

    if (file < 0) {
        return file;
    }
    rv = read(file, data, data_len);
    if (rv != (ssize_t)data_len) {
        rv = rv < 0 ? -errno : -EIO;
    }
    (void)close(file);
    return rv < 0 ? (int)rv : 0;
}

const craft_wal_files *craft_wal_files_posix(void)
{
    static const craft_wal_files files = {
        .struct_size = sizeof(craft_wal_files),
        .make_directory = posix_make_directory,
        .sync_directory = posix_sync_directory,
        .list = posix_list,
        .open = posix_open,
        .close = posix_close,
        .size = posix_size,
        .read = posix_read,
        .write = posix_write,
        .sync = posix_sync,
        .rename = posix_rename,
        .unlink = posix_unlink,
        .lock = posix_lock,
        .random = posix_random,
    };

    return &files;
}
