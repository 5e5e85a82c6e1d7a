/*
 * error_msg.h: the bytes of an error object: why a task gave no result. Made by a worker or the
 * scheduler; read by lode_get() and lode_failure().
 */
#ifndef LODE_WIRE_ERROR_MSG_H
#define LODE_WIRE_ERROR_MSG_H

#include <lode/error.h>

#define LODE_ERROR_MAGIC UINT32_C(0x31724545)
enum { LODE_ERROR_TEXT_MAX = 4096 };

/* Then: function, 0, message, 0, backtrace, 0. Whoever reads checks the closing zeros. */
struct lode_error_object {
    uint32_t magic;
    uint16_t major, minor;
    int32_t code;      /* LODE_ETASK, LODE_ECRASHED … */
    int32_t task_code; /* with LODE_ETASK: what the function returned */
    int64_t pid;
    int32_t signal;
    int32_t exit_status;
    int32_t attempt;
    uint8_t may_have_run;
    uint8_t pad[3];
    uint64_t task;
};

#endif
