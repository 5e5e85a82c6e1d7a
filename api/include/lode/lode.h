/*
 * lode.h: everything. Objects in shared memory, and tasks over them in worker processes.
 */
#ifndef LODE_LODE_H
#define LODE_LODE_H

#include "array.h"
#include "cluster.h"
#include "error.h"
#include "object.h"
#include "task.h"
#include "waitset.h"
#if __has_include("actor.h")
#include "actor.h"
#endif

#endif
