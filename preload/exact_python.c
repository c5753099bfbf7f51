/* SPDX-License-Identifier: MIT */
/*
 * The interpreter's side of --exact: its profile hook, and the names of C functions. The shim is
 * not linked with any Python: what it calls is looked up in the process, by name, once; the few
 * fields that have no function are read at python_versions.h's offsets.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "preload/exact_profile.h"
#include "preload/python.h"

/* Include/cpython/pystate.h: Py_tracefunc's second but last argument. */
enum {
  PYTHON_CALL = 0,
  PYTHON_RETURN = 3,
  PYTHON_C_CALL = 4,
  PYTHON_C_EXCEPTION = 5,
  PYTHON_C_RETURN = 6,
};
/* PyFrameObject.f_code up to 3.10, .f_frame from 3.11; PyCFunctionObject; PyMethodDef.ml_name. */
#define FRAME_CODE 32
#define FRAME_INNER 24
#define FUNCTION_METHOD 16
#define FUNCTION_SELF 24
#define FUNCTION_MODULE 32
#define METHOD_NAME 0
#define OBJECT_TYPE PINFO_PYTHON_OBJECT_TYPE
#define PINFO_PYTHON_OBJECT_TYPE 8
/* sys.monitoring.PROFILER_ID: what cProfile takes from 3.12 on. */
#define MONITORING_PROFILER 2

typedef void object;
typedef int (*trace_function)(object*, object*, int, object*);

static struct {
  int state; /* atomic; 0: not looked for, 1: complete, 2: not to be had */
  int (*Py_IsInitialized)(void);
  int (*PyGILState_Ensure)(void);
  void (*PyGILState_Release)(int);
  object* (*PyGILState_GetThisThreadState)(void);
  object* (*PyInterpreterState_Head)(void);
  object* (*PyInterpreterState_Next)(object*);
  void (*PyEval_SetProfile)(trace_function, object*);
  void (*PyErr_Fetch)(object**, object**, object**);
  void (*PyErr_Restore)(object*, object*, object*);
  void (*PyErr_Clear)(void);
  void (*Py_DecRef)(object*);
  object* (*PyObject_Repr)(object*);
  object* (*PyObject_CallMethod)(object*, const char*, const char*, ...);
  object* (*PySys_GetObject)(const char*);
  object* (*PyUnicode_FromString)(const char*);
  const char* (*PyUnicode_AsUTF8)(object*);
  int (*PyType_IsSubtype)(object*, object*);
  object* (*_PyType_Lookup)(object*, object*);
  object* PyCFunction_Type;
  object* PyUnicode_Type;
  object* _Py_NoneStruct;
  /* Types whose repr() is the interpreter's own, so that naming runs no code of the application. */
  object* plain_types[8];
} api;

static const char* const plain_type_names[] = {
    "PyMethodDescr_Type", "PyClassMethodDescr_Type", "PyWrapperDescr_Type",
    "PyGetSetDescr_Type", "PyMemberDescr_Type",      "PyCFunction_Type",
    "PyFunction_Type",
};

static int look_up(void* slot, const char* name) {
  void* found = dlsym(RTLD_DEFAULT, name);
  if (found == NULL) dlerror();
  memcpy(slot, &found, sizeof(found));
  return found != NULL;
}

static int api_ready(void) {
  const int state = __atomic_load_n(&api.state, __ATOMIC_ACQUIRE);
  if (state != 0) return state == 1;
  int found = 1;
#define LOOK_UP(name) found &= look_up(&api.name, #name)
  LOOK_UP(Py_IsInitialized);
  LOOK_UP(PyGILState_Ensure);
  LOOK_UP(PyGILState_Release);
  LOOK_UP(PyGILState_GetThisThreadState);
  LOOK_UP(PyInterpreterState_Head);
  LOOK_UP(PyInterpreterState_Next);
  LOOK_UP(PyEval_SetProfile);
  LOOK_UP(PyErr_Fetch);
  LOOK_UP(PyErr_Restore);
  LOOK_UP(PyErr_Clear);
  LOOK_UP(Py_DecRef);
  LOOK_UP(PyObject_Repr);
  LOOK_UP(PyObject_CallMethod);
  LOOK_UP(PySys_GetObject);
  LOOK_UP(PyUnicode_FromString);
  LOOK_UP(PyUnicode_AsUTF8);
  LOOK_UP(PyType_IsSubtype);
  LOOK_UP(_PyType_Lookup);
  LOOK_UP(PyCFunction_Type);
  LOOK_UP(PyUnicode_Type);
  LOOK_UP(_Py_NoneStruct);
#undef LOOK_UP
  for (unsigned i = 0; i < sizeof(plain_type_names) / sizeof(plain_type_names[0]); ++i)
    look_up(&api.plain_types[i], plain_type_names[i]);
  __atomic_store_n(&api.state, found ? 1 : 2, __ATOMIC_RELEASE);
  return found;
}

static object* pointer_at(const object* from, pinfo_u64 offset) {
  object* value;
  memcpy(&value, (const char*)from + offset, sizeof(value));
  return value;
}

/* ---- names of C functions, as _lsprof.c makes them ---- */

static int is_plain(const object* value) {
  const object* type = pointer_at(value, OBJECT_TYPE);
  for (unsigned i = 0; i < sizeof(api.plain_types) / sizeof(api.plain_types[0]); ++i)
    if (api.plain_types[i] == type) return 1;
  return 0;
}

static int copy_text(object* text, char* to, pinfo_u64 room) {
  const char* utf8 = text != NULL ? api.PyUnicode_AsUTF8(text) : NULL;
  if (utf8 == NULL) return 0;
  snprintf(to, room, "%s", utf8);
  return 1;
}

/* repr(getattr(type(self), name)) where the type has it. */
static int name_of_method(object* self, const char* name, char* to, pinfo_u64 room) {
  object* key = api.PyUnicode_FromString(name);
  if (key == NULL) return 0;
  object* attribute = api._PyType_Lookup(pointer_at(self, OBJECT_TYPE), key); /* borrowed */
  api.Py_DecRef(key);
  if (attribute == NULL || !is_plain(attribute)) return 0;
  object* text = api.PyObject_Repr(attribute);
  const int done = copy_text(text, to, room);
  if (text != NULL) api.Py_DecRef(text);
  return done;
}

static void name_c_function(object* function, pinfo_u64 method, pinfo_u32 identity) {
  char name[512];
  char module[256];
  const char* own_name = pointer_at((object*)method, METHOD_NAME);
  object* self = pointer_at(function, FUNCTION_SELF);
  object* of = pointer_at(function, FUNCTION_MODULE);
  object* error[3] = {NULL, NULL, NULL};
  const int saved_errno = errno;
  api.PyErr_Fetch(&error[0], &error[1], &error[2]);
  const int has_module = of != NULL &&
                         api.PyType_IsSubtype(pointer_at(of, OBJECT_TYPE), api.PyUnicode_Type) &&
                         copy_text(of, module, sizeof(module));
  if (self == NULL) {
    if (has_module && strcmp(module, "builtins") != 0)
      snprintf(name, sizeof(name), "<%s.%s>", module, own_name);
    else
      snprintf(name, sizeof(name), "<%s>", own_name);
  } else if (!name_of_method(self, own_name, name, sizeof(name))) {
    if (has_module)
      snprintf(name, sizeof(name), "<built-in method %s.%s>", module, own_name);
    else
      snprintf(name, sizeof(name), "<built-in method %s>", own_name);
  }
  api.PyErr_Clear();
  api.PyErr_Restore(error[0], error[1], error[2]);
  errno = saved_errno;
  pinfo_python_name_other(method, identity, name);
}

/* ---- the hook ---- */

static pinfo_u64 code_of(const struct pinfo_python_version* version, const object* frame) {
  if (version->version < 0x030b) return (pinfo_u64)pointer_at(frame, FRAME_CODE);
  const object* inner = pointer_at(frame, FRAME_INNER);
  return (pinfo_u64)pointer_at(inner, version->walk.frame_code) & ~PINFO_PYTHON_TAG_BITS;
}

static pinfo_u32 identity_of(const struct pinfo_python_layout* layout, pinfo_u64 code) {
  pinfo_u64 file, name;
  pinfo_u32 line;
  memcpy(&file, (const char*)code + layout->code_file, sizeof(file));
  memcpy(&name, (const char*)code + layout->code_name, sizeof(name));
  memcpy(&line, (const char*)code + layout->code_first_line, sizeof(line));
  return pinfo_python_identity(file, name, line);
}

static void enter_c(struct pinfo_exact_profile* profile, object* frame, object* function,
                    pinfo_u64 now) {
  const object* type = function != NULL ? pointer_at(function, OBJECT_TYPE) : NULL;
  if (type == NULL ||
      (type != api.PyCFunction_Type && !api.PyType_IsSubtype((object*)type, api.PyCFunction_Type)))
    return;
  const pinfo_u64 method = (pinfo_u64)pointer_at(function, FUNCTION_METHOD);
  const pinfo_u32 identity = pinfo_python_identity(method, 0, 0);
  if (pinfo_exact_enter(&profile->table, method, identity, (pinfo_u64)frame, 1, now) &&
      !pinfo_python_is_named(method, identity))
    name_c_function(function, method, identity);
}

static int is_c_function(const object* function) {
  const object* type = function != NULL ? pointer_at(function, OBJECT_TYPE) : NULL;
  return type != NULL &&
         (type == api.PyCFunction_Type || api.PyType_IsSubtype((object*)type, api.PyCFunction_Type));
}

static int on_event(object* unused, object* frame, int what, object* argument) {
  (void)unused;
  struct pinfo_thread* thread = pinfo_thread_current;
  struct pinfo_exact_profile* profile = thread != NULL ? thread->exact : NULL;
  if (profile == NULL || profile->phase != PINFO_EXACT_COUNTING) {
    const int saved_errno = errno;
    api.PyEval_SetProfile(NULL, NULL);
    errno = saved_errno;
    return 0;
  }
  int nested = 1;
  switch (what) {
    case PYTHON_CALL: {
      const struct pinfo_python_version* version = pinfo_python_version();
      const pinfo_u64 code = version != NULL ? code_of(version, frame) : 0;
      if (code == 0) {
        nested = 0;
        break;
      }
      const pinfo_u64 now = pinfo_now();
      if (pinfo_exact_enter(&profile->table, code, identity_of(&version->walk, code),
                            (pinfo_u64)frame, 0, now))
        pinfo_python_name_code(thread, code);
      break;
    }
    case PYTHON_RETURN:
      nested = pinfo_exact_leave(&profile->table, (pinfo_u64)frame, 0, pinfo_now());
      break;
    case PYTHON_C_CALL:
      enter_c(profile, frame, argument, pinfo_now());
      break;
    case PYTHON_C_EXCEPTION:
    case PYTHON_C_RETURN:
      if (is_c_function(argument))
        nested = pinfo_exact_leave(&profile->table, (pinfo_u64)frame, 1, pinfo_now());
      break;
    default:
      break;
  }
  if (!nested) {
    profile->phase = PINFO_EXACT_FAILED;
    profile->failure = PINFO_EXACT_SWITCHED;
  }
  return 0;
}

/* From 3.12 on a profiler may also be a tool of sys.monitoring. REQUIRES: the interpreter's lock. */
static int monitored(void) {
  object* monitoring = api.PySys_GetObject("monitoring"); /* borrowed */
  if (monitoring == NULL) return 0;
  object* tool = api.PyObject_CallMethod(monitoring, "get_tool", "i", MONITORING_PROFILER);
  const int taken = tool != NULL && tool != api._Py_NoneStruct;
  if (tool == NULL)
    api.PyErr_Clear();
  else
    api.Py_DecRef(tool);
  return taken;
}

static object* profile_function(const struct pinfo_python_version* version, const object* state) {
  return pointer_at(state, version->thread_profile);
}

static enum pinfo_exact_state set_hook(const struct pinfo_python_version* version, object* ours) {
  object* error[3] = {NULL, NULL, NULL};
  object* state = api.PyGILState_GetThisThreadState();
  const object* present = profile_function(version, state);
  enum pinfo_exact_state result = PINFO_EXACT_BEGUN;
  api.PyErr_Fetch(&error[0], &error[1], &error[2]);
  if ((present != NULL && present != ours) || monitored()) {
    result = PINFO_EXACT_FOREIGN;
  } else if (present == NULL) {
    api.PyEval_SetProfile(on_event, NULL);
    /* An audit hook of the application's may have refused. */
    if (profile_function(version, state) != ours) result = PINFO_EXACT_UNAVAILABLE;
  }
  api.PyErr_Restore(error[0], error[1], error[2]);
  return result;
}

static object* our_hook(void) {
  const trace_function hook = on_event;
  object* ours;
  memcpy(&ours, &hook, sizeof(ours));
  return ours;
}

int pinfo_exact_hook_stayed(void) {
  const struct pinfo_python_version* version = pinfo_python_version();
  const object* state = version != NULL ? api.PyGILState_GetThisThreadState() : NULL;
  return state != NULL && profile_function(version, state) == our_hook();
}

enum pinfo_exact_state pinfo_exact_hook(void) {
  const struct pinfo_python_version* version = pinfo_python_version();
  if (version == NULL || !api_ready() || !api.Py_IsInitialized())
    return PINFO_EXACT_UNAVAILABLE;
  object* state = api.PyGILState_GetThisThreadState();
  const object* first = state != NULL ? api.PyInterpreterState_Head() : NULL;
  /* PyGILState knows one interpreter only. */
  if (first == NULL || api.PyInterpreterState_Next((object*)first) != NULL)
    return PINFO_EXACT_UNAVAILABLE;
  object* ours = our_hook();
  if (profile_function(version, state) == ours) return PINFO_EXACT_BEGUN;
  const int held = api.PyGILState_Ensure();
  const enum pinfo_exact_state result = set_hook(version, ours);
  api.PyGILState_Release(held);
  return result;
}
