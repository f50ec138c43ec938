/*
 * The main function of a fuzz target without libFuzzer: runs the files, and
 * the files of the directories, that it is given.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

#define PATH_LEN_MAX 4096u

static size_t replayed;

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = fuzz_alloc(1u << 20);
    uint8_t *exact;
    size_t len;

    fuzz_check(file != NULL, "the file can be opened");
    len = fread(data, 1, 1u << 20, file);
    (void)fclose(file);
    /* No byte more, so that a sanitizer sees who reads on. */
    exact = len > 0 ? malloc(len) : NULL;
    fuzz_check(len == 0 || exact != NULL, "there is memory");
    if (len > 0) {
        memcpy(exact, data, len);
    }
    free(data);
    (void)printf("%s\n", path);
    (void)fflush(stdout); /* the last line names the culprit */
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    replayed++;
}

static void replay_directory(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    fuzz_check(directory != NULL, "the directory can be opened");
    while ((entry = readdir(directory)) != NULL) {
        char name[PATH_LEN_MAX];

        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        replay_file(name);
    }
    (void)closedir(directory);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat status;

        if (stat(argv[i], &status) != 0) {
            (void)fprintf(stderr, "fuzz: there is no %s\n", argv[i]);
            return 1;
        }
        if (S_ISDIR(status.st_mode)) {
            replay_directory(argv[i]);
        } else {
            replay_file(argv[i]);
        }
    }
    (void)printf("%zu inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}
