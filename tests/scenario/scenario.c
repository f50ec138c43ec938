/*
 * scenario: runs stories of clusters; docs/scenario-language.md is how to write
 * them.
 *
 *   scenario FILE...            run each, compare what is printed
 *   scenario --memory FILE...   run each again and again, each time with
 *                               another allocation failing
 *   scenario --describe         print the page about the language
 *   CRAFT_REWRITE=1             write what is printed into the files
 *   CRAFT_TRACE=1               tell everything on stderr
 *   CRAFT_PULL=1                all clusters say `pull`
 *   CRAFT_BYTES=1               all clusters say `bytes`
 *   CRAFT_SEED=N                draw election timeouts from this seed
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"
#include "script.h"
#include "table.h"

/* What the blocks of one run printed; [blocks_len], each to be freed. */
struct outputs {
    char **list;
    size_t compared; /* blocks before the first that was not to be compared */
    bool wrong;
};

static void outputs_free(struct outputs *outputs, const struct script *script)
{
    for (size_t i = 0; i < script->blocks_len; i++) {
        free(outputs->list[i]);
    }
    free(outputs->list);
}

static char *run_block(struct story *story, const struct script *script,
                       const struct script_block *block)
{
    char *printed;

    story->quiet = false;
    story->out.len = 0;
    for (size_t i = block->commands; i < block->separator; i++) {
        story->line = i + 1;
        if (!script_is_comment(script->lines[i])) {
            story_run(story, script->lines[i]);
        }
    }
    printed = strdup(story->out.len > 0 ? story->out.bytes : "ok\n");
    if (printed == NULL) {
        abort();
    }
    return printed;
}

static uint64_t seed_read(void)
{
    const char *text = getenv("CRAFT_SEED");
    uint64_t seed = 1;

    return text != NULL && number_read(text, &seed) ? seed : 1;
}

static struct outputs run_script(const struct script *script,
                                 struct cluster_refusal *refusal)
{
    struct outputs outputs = {NULL, 0, false};
    struct story story;

    memset(&story, 0, sizeof story);
    story.path = script->path;
    story.refusal = refusal;
    story.trace = getenv("CRAFT_TRACE") != NULL;
    story.pull = getenv("CRAFT_PULL") != NULL;
    story.bytes = getenv("CRAFT_BYTES") != NULL;
    story.seed = seed_read();
    outputs.list = calloc(script->blocks_len, sizeof *outputs.list);
    if (outputs.list == NULL) {
        abort();
    }
    for (size_t i = 0; i < script->blocks_len; i++) {
        outputs.list[i] = run_block(&story, script, &script->blocks[i]);
        outputs.compared += story.lenient ? 0 : 1;
    }
    outputs.wrong = story.wrong;
    story_end(&story);
    return outputs;
}

/* ------------------------------------------------------------------- once */

static void tell_lines(const char *mark, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        (void)fprintf(stderr, "%s%.*s\n", mark, (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void tell_difference(const struct script *script,
                            const struct script_block *block, const char *is)
{
    (void)fprintf(stderr, "%s:%zu: it prints something else\n", script->path,
                  block->output + 1);
    for (size_t i = block->output; i < block->end; i++) {
        (void)fprintf(stderr, "  expected  %s\n", script->lines[i]);
    }
    tell_lines("  printed   ", is);
}

static bool compare(const struct script *script, const struct outputs *outputs)
{
    size_t differ = 0;

    for (size_t i = 0; i < script->blocks_len; i++) {
        const struct script_block *block = &script->blocks[i];

        if (script_expects(script, block, outputs->list[i])) {
            continue;
        }
        if (differ == 0) {
            tell_difference(script, block, outputs->list[i]);
        }
        differ++;
    }
    if (differ > 1) {
        (void)fprintf(stderr, "%s: so do %zu later blocks\n", script->path,
                      differ - 1);
    }
    return differ == 0;
}

static bool run_once(const struct script *script)
{
    const char *rewrite = getenv("CRAFT_REWRITE");
    struct outputs outputs = run_script(script, NULL);
    bool good = !outputs.wrong;

    if (rewrite != NULL && strcmp(rewrite, "1") == 0) {
        if (good && !script_rewrite(script, outputs.list)) {
            (void)fprintf(stderr, "%s: cannot be written\n", script->path);
            good = false;
        }
    } else {
        good = compare(script, &outputs) && good;
    }
    outputs_free(&outputs, script);
    return good;
}

/* ---------------------------------------------------------------- memory */

/*
 * What was printed before the failure took another way is what is printed
 * without failure: the call that was repeated has done what it does.
 */
static bool printed_same(const struct script *script, const struct outputs *a,
                         const struct outputs *b,
                         const struct cluster_refusal *refusal)
{
    for (size_t i = 0; i < a->compared; i++) {
        if (strcmp(a->list[i], b->list[i]) != 0) {
            (void)fprintf(stderr,
                          "%s:%zu: allocation %llu refused, the call repeated: "
                          "it prints something else\n",
                          script->path, script->blocks[i].output + 1,
                          (unsigned long long)refusal->at);
            tell_lines("  without   ", b->list[i]);
            tell_lines("  with      ", a->list[i]);
            return false;
        }
    }
    return true;
}

static bool run_refused(const struct script *script,
                        const struct outputs *whole,
                        struct cluster_refusal *refusal)
{
    struct outputs outputs = run_script(script, refusal);
    bool good =
        printed_same(script, &outputs, whole, refusal) && !outputs.wrong;

    if (!refusal->refused) {
        (void)fprintf(stderr, "%s: allocation %llu was not made\n",
                      script->path, (unsigned long long)refusal->at);
        good = false;
    }
    outputs_free(&outputs, script);
    return good;
}

static bool run_memory(const struct script *script)
{
    struct cluster_refusal counting = {.digest = node_digest};
    struct outputs whole = run_script(script, &counting);
    uint64_t runs = 0;
    bool good = true;

    for (uint64_t at = 1; good && at <= counting.count; at++) {
        for (int repeat = 0; good && repeat < 2; repeat++) {
            struct cluster_refusal refusal = {
                .at = at, .repeat = repeat == 1, .digest = node_digest};

            good = run_refused(script, &whole, &refusal);
            runs++;
        }
    }
    outputs_free(&whole, script);
    printf("%s: %llu allocations, %llu runs\n", script->path,
           (unsigned long long)counting.count, (unsigned long long)runs);
    return good;
}

/* ------------------------------------------------------------------- main */

static int usage(void)
{
    (void)fprintf(stderr, "usage: scenario [--memory] FILE... | --describe\n");
    return 2;
}

int main(int argc, char **argv)
{
    bool memory = argc > 1 && strcmp(argv[1], "--memory") == 0;
    int first = memory ? 2 : 1;
    bool good = true;

    if (argc == 2 && strcmp(argv[1], "--describe") == 0) {
        table_describe();
        return 0;
    }
    if (first >= argc || argv[first][0] == '-') {
        return usage();
    }
    for (int i = first; i < argc; i++) {
        struct script script;
        bool ran = script_open(&script, argv[i]) &&
                   (memory ? run_memory(&script) : run_once(&script));

        good = good && ran;
        script_close(&script);
    }
    return good ? 0 : 1;
}
