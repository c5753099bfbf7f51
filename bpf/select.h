/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Processes that are chosen by what they do and start after pinfo: one that begins to listen on a
 * watched port or any, takes a watched name, or executes a program in a watched control group. It is
 * followed from that moment on; user space learns of it by a TASK record without a parent's thread.
 */
#ifndef PINFO_BPF_SELECT_H
#define PINFO_BPF_SELECT_H

#include "thread.h"

#define TASK_NAME_MAX 16 /* TASK_COMM_LEN, include/linux/sched.h */

struct task_name {
  char text[TASK_NAME_MAX]; /* zero-padded */
};

/* TCP ports, host byte order, in any network namespace. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, pinfo_u32);
  __type(value, pinfo_u8);
} watched_ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct task_name);
  __type(value, pinfo_u8);
} watched_names SEC(".maps");

/* Listeners of these names are not followed for listening on just any port. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct task_name);
  __type(value, pinfo_u8);
} excepted_names SEC(".maps");

#define WATCHED_CGROUPS_MAX 16
/* Directories of cgroup v2, from index 0 on. */
struct {
  __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
  __uint(max_entries, WATCHED_CGROUPS_MAX);
  __type(key, pinfo_u32);
  __type(value, pinfo_u32);
} watched_cgroups SEC(".maps");

static __always_inline void adopt(struct task_struct *task, pinfo_u64 now) {
  const pinfo_u32 pid = task->tgid;
  const pinfo_u8 one = 1;
  struct pinfo_task *record;

  /* Process 1 holds listening sockets for others; to follow it is to follow the whole machine. */
  if (pid <= 1 || pid == knob_own_pid || is_followed(pid))
    return;
  hint_followed(pid);
  if (bpf_map_update_elem(&followed, &pid, &one, BPF_ANY)) {
    count_loss(PINFO_LOSS_THREAD_MAP);
    return;
  }
  record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) {
    /* Nobody would ever describe it: rather not followed, and counted. */
    bpf_map_delete_elem(&followed, &pid);
    count_loss(PINFO_LOSS_RING_OTHER);
    return;
  }
  fill_header(&record->header, PINFO_RECORD_TASK, sizeof(*record), now);
  record->header.pid = pid;
  record->header.tid = pid;
  record->parent_pid = BPF_CORE_READ(task, real_parent, tgid);
  record->parent_tid = 0;
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

static __always_inline bool is_excepted(struct task_struct *task) {
  struct task_name key = {};

  BPF_CORE_READ_STR_INTO(&key.text, task, group_leader, comm);
  return bpf_map_lookup_elem(&excepted_names, &key) != NULL;
}

/* The running process begins to listen. */
static __always_inline void adopt_listener(pinfo_u32 port) {
  struct task_struct *task = bpf_get_current_task_btf();

  if (bpf_map_lookup_elem(&watched_ports, &port) || (knob_all_listeners && !is_excepted(task)))
    adopt(task, bpf_ktime_get_ns());
}

/* exec and prctl(PR_SET_NAME) alike. A process has the name of its first thread. */
SEC("tp_btf/task_rename")
int BPF_PROG(select_by_name, struct task_struct *task, const char *name) {
  struct task_name key = {};

  if (task->pid != task->tgid)
    return 0;
  bpf_probe_read_kernel_str(key.text, sizeof(key.text), name);
  if (bpf_map_lookup_elem(&watched_names, &key))
    adopt(task, bpf_ktime_get_ns());
  return 0;
}

/* A container's first process enters its group and then executes its program. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(select_by_cgroup, struct task_struct *task) {
  for (int i = 0; i < WATCHED_CGROUPS_MAX; i++)
    if (bpf_current_task_under_cgroup(&watched_cgroups, i) == 1) {
      adopt(task, bpf_ktime_get_ns());
      return 0;
    }
  return 0;
}

#endif /* PINFO_BPF_SELECT_H */
