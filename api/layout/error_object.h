/*
 * error_object.h: the bytes of an object of kind error: why a task gave no result. A worker or the
 * scheduler writes them; lode_get() and lode_failure() read them. One encoder and one parser, here.
 *
 *   struct lode_error_object | function, 0 | message, 0
 *
 * The parser takes nothing on trust: the bytes may come from another version.
 */
#ifndef LODE_LAYOUT_ERROR_OBJECT_H
#define LODE_LAYOUT_ERROR_OBJECT_H

#include <lode/task.h>

#define LODE_ERROR_MAGIC UINT32_C(0x31724545)
enum {
    LODE_ERROR_MAJOR = 2,
    LODE_ERROR_BYTES_MIN = 256 /* room for the struct and the beginnings of the texts */
};

struct lode_error_object {
    uint32_t magic;
    uint16_t major, minor;
    int32_t code; /* LODE_ETASK, LODE_ECRASHED …; a newer version may have codes of its own */
    int32_t task_code; /* with LODE_ETASK: what the function returned */
    int64_t pid;
    int32_t signal;
    int32_t exit_status;
    int32_t attempt;
    uint8_t may_have_run;
    uint8_t pad[3];
    uint64_t task; /* the scheduler's number */
};

/* Bytes of an error object without texts: these are the closing zeros of both. */
#define LODE_ERROR_SHORT_BYTES (sizeof(struct lode_error_object) + 2)

/* An error object in parts. magic and major of `head` are the encoder's business. */
struct lode_error_parts {
    struct lode_error_object head;
    const char *function, *message; /* each ends with a zero */
};

/* Bytes that lode_error_object_write() writes if it has the room. */
size_t lode_error_object_size(const struct lode_error_parts *parts);

/*
 * Writes the object's bytes; texts are cut where `room` is too small, the message first. Returns
 * their number.
 *
 *   room  at least LODE_ERROR_BYTES_MIN, or what lode_error_object_size() says
 */
size_t lode_error_object_write(const struct lode_error_parts *parts, void *out, size_t room);

/*
 * Writes the same error without its texts, LODE_ERROR_SHORT_BYTES, for where there is no other
 * room.
 * Errors  as of lode_error_object_read()
 */
LODE_MUST_CHECK lode_err lode_error_object_shorten(const void *bytes, size_t size, void *out);

/*
 * Takes an object apart; the texts of `parts_out` lie in `bytes`.
 * Errors  LODE_ECORRUPT; LODE_EVERSION another major version wrote it
 */
LODE_MUST_CHECK lode_err lode_error_object_read(const void *bytes, size_t size,
                                                struct lode_error_parts *parts_out);

/*
 * The error that the object stands for, with its sentence; or that of lode_error_object_read(). A
 * code that this version does not know is passed on as it is: a newer version wrote it, and the
 * caller may know it.
 */
lode_err lode_error_object_fail(const void *bytes, size_t size);

/*
 * How a failure reads behind its function's name: "failed through 59 calls, the last of them z:
 * why" for a message that passes the failure of another task on, else the message as it is.
 */
void lode_error_tell(const char *message, char *out, size_t room);

/*
 * The function that failed first, and why: "z: why". It is the same for each task of a chain of
 * tasks that pass one failure on.
 */
void lode_error_reason(lode_err code, const char *function, const char *message, char *out,
                       size_t room);

/* The same facts as lode_failure() gives them, and back. The parts' texts lie in `info`. */
void lode_error_parts_to_info(const struct lode_error_parts *parts, lode_failure_info *info_out);
void lode_error_parts_of_info(const lode_failure_info *info, uint64_t task,
                              struct lode_error_parts *parts_out);

#endif
