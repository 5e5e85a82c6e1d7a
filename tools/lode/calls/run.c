#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/client/tasks/functions.h"
#include "api/client/tasks/task_client.h"
#include "api/wire/task_msg.h"
#include "tools/cli/document.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/program.h"
#include "tools/cli/word.h"
#include "tools/lode/calls/argument.h"
#include "tools/lode/calls/array_file.h"
#include "tools/lode/calls/commands.h"
#include "tools/lode/calls/library_name.h"
#include "tools/lode/calls/result.h"
#include "tools/lode/calls/session.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_TASK_CPUS = 0x100, OPTION_TASK_TIMEOUT, OPTION_REPLACE };

/* A negative number is no option: it goes past argp behind this byte. */
enum { NUMBER_MARK = '\x01' };

struct run_options {
    struct session_options session;
    const char *function; /* "LIB.so:function" or "library.function" */
    struct argument *args;
    size_t arg_count;
    const char **outputs;
    size_t output_count;
    bool on_stdout; /* one of them is "-" */
    struct word *names;
    size_t name_count;
    bool replace;
    double task_cpus;
    int64_t timeout_ms, task_timeout_ms;
};

static const struct argp_option options[] = {
    {"output", 'o', "FILE.npy", 0,
     "write the result to this file ('-': stdout, and print nothing else); once for each result "
     "that is wanted, in order",
     0},
    {"name", 'n', "NAME", 0,
     "keep the result in the cluster, as the object NAME or SPACE/NAME; once for each result that "
     "is wanted, in order",
     0},
    {"replace", OPTION_REPLACE, 0, 0, "--name takes the name from the object that has it", 0},
    {"timeout", 't', "SECONDS", 0, "how long to wait for the results (default: without limit)", 0},
    {"task-timeout", OPTION_TASK_TIMEOUT, "SECONDS", 0,
     "how long the task may take (default: without limit). Then it is ended, also if it does not "
     "look: its worker gets SIGTERM after 2 s, and SIGKILL after 2 s more",
     0},
    {"task-cpus", OPTION_TASK_CPUS, "N", 0, "CPUs that the call takes (default 1)", 0},
    {0},
};

static void
add_positional(struct run_options *wanted, char *arg)
{
    if (arg[0] == NUMBER_MARK) {
        arg++;
    }
    if (wanted->function == NULL) {
        wanted->function = arg;
    } else {
        argument_parse(arg, &wanted->args[wanted->arg_count++]);
    }
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct run_options *wanted = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        session_inputs(state, &wanted->session);
        return 0;
    case 'o':
        wanted->outputs[wanted->output_count++] = arg;
        wanted->on_stdout = wanted->on_stdout || strcmp(arg, "-") == 0;
        return 0;
    case 'n':
        if (word_parse_new(arg, &wanted->names[wanted->name_count++]) != LODE_OK) {
            options_error(state, "%s", lode_last_error());
        }
        return 0;
    case OPTION_REPLACE:
        wanted->replace = true;
        return 0;
    case 't':
        options_timeout(state, arg, &wanted->timeout_ms);
        return 0;
    case OPTION_TASK_TIMEOUT:
        options_task_timeout(state, arg, &wanted->task_timeout_ms);
        return 0;
    case OPTION_TASK_CPUS:
        options_cpus(state, "task-cpus", arg, &wanted->task_cpus);
        return 0;
    case ARGP_KEY_ARG:
        add_positional(wanted, arg);
        return 0;
    case ARGP_KEY_END:
        if (wanted->function == NULL) {
            options_error(state, "which function? LIBRARY.so:FUNCTION, or LIBRARY.FUNCTION of one "
                                 "that is offered to all (`lode load`)");
        } else if (wanted->on_stdout && wanted->session.common.json) {
            options_error(state, "stdout takes either --json or the array of --output -");
        }
        if (wanted->name_count > 0) {
            wanted->session.open.flags |= LODE_OPEN_ATTACH; /* a private one would end with us */
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse_option,
    "LIBRARY.so:FUNCTION [ARGUMENT...]\nLIBRARY.FUNCTION [ARGUMENT...]",
    "Call one function of a task library in a worker, and print its results: scalars and text by "
    "value, arrays by type and shape."
    "\vAn argument is an integer, a float, a file FILE.npy, an object @NAME, @SPACE/NAME or @ID, "
    "or else a string; str:TEXT is a string whatever it looks like.\n\n"
    "Exit status: 0 ok, 1 the task failed, 2 usage, 3 a file or name is not there, 4 timeout, 5 no "
    "cluster, 6 full, 128 + N ended by signal N.",
    session_children,
    0,
    0};

/* ---- the call ------------------------------------------------------------------------------ */

struct call {
    lode *db;
    char function[LODE_TASK_NAME_MAX + 1]; /* "library.function" */
    lode_arg *args;
    lode_id *results;
    size_t result_count;
};

static lode_err
name_function(struct call *call, const char *text)
{
    char library[LODE_TASK_NAME_MAX + 1], path[PATH_MAX];
    const char *colon = strrchr(text, ':');
    int length;
    if (colon == NULL && strchr(text, '/') != NULL) {
        return lode_fail_with(LODE_EINVAL, "'%s' names no function: write %s:FUNCTION", text, text);
    }
    if (colon == NULL) {
        length = snprintf(call->function, sizeof call->function, "%s", text);
    } else {
        if ((size_t)(colon - text) >= sizeof path) {
            return lode_fail_with(LODE_EINVAL, "the library's path is too long");
        }
        memcpy(path, text, (size_t)(colon - text));
        path[colon - text] = '\0';
        LODE_TRY(library_load(call->db, path, 0, library, sizeof library));
        length = snprintf(call->function, sizeof call->function, "%s.%s", library, colon + 1);
    }
    return (size_t)length < sizeof call->function
               ? LODE_OK
               : lode_fail_with(LODE_EINVAL, "a function's name has at most %d bytes",
                                LODE_TASK_NAME_MAX);
}

static lode_err
resolve_arguments(struct call *call, const struct run_options *wanted)
{
    for (size_t i = 0; i < wanted->arg_count; i++) {
        LODE_TRY(argument_resolve(call->db, &wanted->args[i]));
        call->args[i] = argument_value(&wanted->args[i]);
    }
    return LODE_OK;
}

static lode_err
check_outputs(const struct call *call, const struct run_options *wanted)
{
    bool outputs_fit = wanted->output_count <= call->result_count;
    if (outputs_fit && wanted->name_count <= call->result_count) {
        return LODE_OK;
    }
    return lode_fail_with(LODE_EINVAL, "%s has %zu result%s, and %s was given %zu times",
                          call->function, call->result_count, call->result_count == 1 ? "" : "s",
                          outputs_fit ? "--name" : "-o",
                          outputs_fit ? wanted->name_count : wanted->output_count);
}

/* Before the task runs, for hours perhaps. */
static lode_err
check_names(const struct call *call, const struct run_options *wanted)
{
    for (size_t i = 0; i < wanted->name_count && !wanted->replace; i++) {
        LODE_TRY(word_must_be_free(call->db, &wanted->names[i]));
    }
    return LODE_OK;
}

static lode_err
count_results(struct call *call)
{
    struct lode_tasks *tasks;
    struct lode_known_function function;
    LODE_TRY(lode_tasks_of(call->db, &tasks));
    LODE_TRY(lode_tasks_look_up(tasks, call->function, &function));
    call->result_count = function.results;
    return LODE_OK;
}

/* The arguments are the task's from here on; ours are dropped either way. */
static lode_err
submit(struct call *call, const struct run_options *wanted)
{
    lode_call_options how = {.struct_size = sizeof how,
                             .num_cpus = wanted->task_cpus,
                             .timeout_ms = wanted->task_timeout_ms};
    lode_args args = {call->args, wanted->arg_count};
    LODE_TRY(name_function(call, wanted->function));
    LODE_TRY(count_results(call));
    LODE_TRY(check_outputs(call, wanted));
    LODE_TRY(check_names(call, wanted));
    call->results = calloc(call->result_count, sizeof *call->results);
    if (call->results == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for %zu results", call->result_count);
    }
    lode_err err = resolve_arguments(call, wanted);
    if (err == LODE_OK) {
        err = lode_call(call->db, call->function, args, &how, call->results);
    }
    for (size_t i = 0; i < wanted->arg_count; i++) {
        argument_drop(call->db, &wanted->args[i]);
    }
    return err;
}

static lode_err
take_result(struct call *call, size_t i, int64_t deadline, const struct run_options *wanted,
            json_t *list, bool *has_result_out)
{
    lode_view view;
    *has_result_out = false;
    LODE_TRY(session_get(call->db, call->results[i], deadline, &view));
    lode_err err = LODE_OK;
    *has_result_out = true;
    if (i < wanted->output_count) {
        err = array_file_write(wanted->outputs[i], &view);
    }
    if (err == LODE_OK && i < wanted->name_count) {
        const struct word *word = &wanted->names[i];
        err = lode_name_set(call->db, word_space(word), word->name, call->results[i],
                            wanted->replace ? LODE_NAME_REPLACE : 0);
    }
    if (err == LODE_OK && wanted->session.common.json) {
        json_array_append_new(list, result_json(&view));
    } else if (err == LODE_OK && !wanted->on_stdout) {
        result_print(&view, stdout);
    }
    lode_release(&view);
    return err;
}

static int
take_results(struct call *call, const struct run_options *wanted)
{
    int64_t deadline = lode_deadline(wanted->timeout_ms);
    json_t *list = json_array();
    int exit_code = EXIT_OK;
    for (size_t i = 0; i < call->result_count && exit_code == EXIT_OK; i++) {
        bool has_result;
        lode_err err = take_result(call, i, deadline, wanted, list, &has_result);
        if (err != LODE_OK) { /* the function is not to blame for what becomes of its result */
            exit_code = has_result && interrupts_came() == 0
                            ? program_failed(err)
                            : session_failed(call->db, call->results[i], err, call->function,
                                             wanted->timeout_ms);
        }
    }
    if (wanted->session.common.json && exit_code == EXIT_OK) {
        document_print(json_pack("{s:s, s:s, s:O}", "schema", "lode.run/1", "function",
                                 call->function, "results", list));
    }
    json_decref(list);
    return exit_code;
}

/* What a sentence begins with: a file that cannot be loaded is named in it. */
static const char *
label(const struct call *call, const struct run_options *wanted)
{
    return call->function[0] != '\0' ? wanted->function : "";
}

static int
run_call(struct call *call, const struct run_options *wanted)
{
    lode_id none = {0};
    lode_err err = session_open(&wanted->session, &call->db);
    if (err != LODE_OK) {
        return program_failed(err);
    }
    interrupts_catch();
    err = submit(call, wanted);
    int exit_code;
    if (err == LODE_OK) {
        exit_code = take_results(call, wanted);
    } else if (err == LODE_EEXIST && interrupts_came() == 0) {
        exit_code = program_failed(err); /* the function is not to blame for a name that is taken */
    } else {
        exit_code = session_failed(call->db, none, err, label(call, wanted), wanted->timeout_ms);
    }
    for (size_t i = 0; call->results != NULL && i < call->result_count; i++) {
        if (interrupts_came() != 0 &&
            lode_cancel(call->db, call->results[i], LODE_CANCEL_RECURSIVE) != LODE_OK) {
            break;
        }
        lode_drop(call->db, call->results[i]);
    }
    session_close(call->db);
    free(call->results);
    return exit_code;
}

/* "-3", "-.5", "-inf": getopt would take them for options. */
static bool
is_negative_number(const char *text)
{
    struct argument argument;
    if (text[0] != '-') {
        return false;
    }
    argument_parse(text, &argument);
    return argument.kind == ARGUMENT_I64 || argument.kind == ARGUMENT_F64;
}

/* True if one of these options is what the word `text` says, and takes the next word. */
static bool
takes_next(const struct argp_option *option, const char *text)
{
    size_t length = strlen(text);
    for (; option->name != NULL; option++) {
        bool fits = text[1] == '-' ? strncmp(option->name, text + 2, length - 2) == 0
                                   : text[length - 1] == option->key;
        if (fits && option->arg != NULL) {
            return true;
        }
    }
    return false;
}

/* A word after such an option is its value, which goes past argp as it is. */
static bool
is_option_with_value(const char *text)
{
    if (text[0] != '-' || text[1] == '\0' || strcmp(text, "--") == 0) {
        return false;
    }
    bool takes = takes_next(options, text);
    for (const struct argp_child *child = session_children; child->argp != NULL; child++) {
        takes = takes || takes_next(child->argp->options, text);
    }
    return takes;
}

static char *
marked(const char *text)
{
    size_t length = strlen(text);
    char *copy = malloc(length + 2);
    if (copy == NULL) {
        abort();
    }
    copy[0] = NUMBER_MARK;
    memcpy(copy + 1, text, length + 1);
    return copy;
}

int
command_run(int argc, char **argv)
{
    struct run_options wanted = {.timeout_ms = LODE_FOREVER};
    struct call call = {0};
    wanted.args = calloc((size_t)argc, sizeof *wanted.args);
    wanted.outputs = calloc((size_t)argc, sizeof *wanted.outputs);
    wanted.names = calloc((size_t)argc, sizeof *wanted.names);
    call.args = calloc((size_t)argc, sizeof *call.args);
    if (wanted.args == NULL || wanted.outputs == NULL || wanted.names == NULL ||
        call.args == NULL) {
        return program_error(EXIT_FAILED, "out of memory");
    }
    for (int i = 1; i < argc; i++) {
        if (is_negative_number(argv[i]) && !is_option_with_value(argv[i - 1])) {
            argv[i] = marked(argv[i]);
        }
    }
    options_parse(&argp, argc, argv, &wanted);
    /* On a terminal, too, results stand behind the task's lines, which lode_close() waits for. */
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    int exit_code = run_call(&call, &wanted);
    free(wanted.args);
    free(wanted.outputs);
    free(wanted.names);
    free(call.args);
    return exit_code;
}
