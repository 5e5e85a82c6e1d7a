/* errors.h: why a task did not give its results, as bytes for the store and as words. */
#ifndef LODE_SCHEDULER_CORE_ERRORS_H
#define LODE_SCHEDULER_CORE_ERRORS_H

#include "scheduler/core/state/state.h"

/* "was ended by signal 11 (SIGSEGV)" */
void core_describe_death(const struct core_death *death, char *text_out, size_t room);

/*
 * Remembers a failure for `lode status`. Those of one program that have one reason are told of
 * once: as the failure of the task that is nearest to the program. death NULL: none was the cause.
 */
void core_failure_note(struct core *core, const struct core_task *task, lode_err code,
                       const struct core_death *death, const char *message);

/* The same for one of which a worker says why, in so many bytes of text. */
void core_failure_note_said(struct core *core, const struct core_task *task, lode_err code,
                            const struct core_worker *worker, const char *why, size_t size);

/*
 * Asks for error objects in place of all results of a task (PUT_ERROR).
 *
 *   copy_from  an error object whose failure is passed on; zero: none
 *   message    the sentence, also if `copy_from` cannot be read
 */
void core_put_error(struct core *core, const struct core_task *task, lode_id copy_from,
                    lode_err code, const struct core_death *death, const char *message);

/* The same with the bytes of the error object, which are whole. */
void core_put_error_bytes(struct core *core, const struct core_task *task, const void *error,
                          uint32_t size);

#endif
