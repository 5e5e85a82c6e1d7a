#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/clusters/clusters.h"
#include "tools/lode/cluster/commands.h"
#include "tools/clusters/report_json.h"
#include "tools/clusters/report_print.h"

#include <stdio.h>

static const struct argp argp = {
    0,
    options_without_words,
    0,
    "Show a cluster: health, resources, object store, demands, workers, recent failures. Without "
    "--dir it is the default cluster, else the private one of the program that this command was "
    "started from; else the private ones are listed."
    "\vExit status: 0 all is up, or a list; 1 a part is down; 5 no cluster runs.",
    options_dir_json,
    0,
    0};

static const char *
name_of(const struct lode_holder *owner, struct process *process)
{
    return process_read(owner->pid, process) ? process->stat.name : "?";
}

static json_t *
list_json(const struct cluster *list, size_t count)
{
    json_t *clusters = json_array();
    struct process process;
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(clusters, json_pack("{s:s, s:I, s:I, s:s}", "dir", list[i].dir,
                                                  "supervisor_pid", (json_int_t)list[i].supervisor,
                                                  "owner_pid", (json_int_t)list[i].owner.pid,
                                                  "owner_name", name_of(&list[i].owner, &process)));
    }
    return json_pack("{s:s, s:o}", "schema", "lode.clusters/1", "clusters", clusters);
}

static int
print_clusters(bool json)
{
    static struct cluster list[CLUSTERS_MAX];
    struct process process;
    if (!json) {
        program_failed(LODE_ENOTFOUND);
    }
    size_t count = clusters_private(list, CLUSTERS_MAX);
    if (json) {
        document_print(list_json(list, count));
        return EXIT_OK;
    }
    for (size_t i = 0; i < count; i++) {
        printf("%s  private, of %s (pid %d)\n", list[i].dir, name_of(&list[i].owner, &process),
               (int)list[i].owner.pid);
    }
    return EXIT_OK;
}

int
command_status(int argc, char **argv)
{
    struct options_common wanted = {0};
    struct cluster cluster;
    struct report report;
    options_parse(&argp, argc, argv, &wanted);
    lode_err err = clusters_find(wanted.dir, &cluster);
    if (err == LODE_ENOTFOUND) {
        return print_clusters(wanted.json);
    }
    if (err != LODE_OK) {
        return program_failed(err);
    }
    report_gather(&cluster, &report);
    if (wanted.json) {
        document_print(report_json(&report));
    } else {
        report_print(&report, stdout);
    }
    int exit_code = report_is_healthy(&report) ? EXIT_OK : EXIT_FAILED;
    report_fini(&report);
    return exit_code;
}
