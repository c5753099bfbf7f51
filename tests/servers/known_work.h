// Work of known length for the test servers: sleeping and other waits, and burning CPU, in
// functions that no optimizer may merge, inline or drop, so that a profile must show them by name.
#pragma once

#include <cstdint>

namespace pinfo::testing {

// CLOCK_MONOTONIC.
int64_t MonotonicNs();
int64_t ThreadCpuNs();
// How long the calling thread has been ready to run without a CPU, by the kernel's own account
// (/proc/thread-self/schedstat); 0 where it has none.
int64_t ThreadReadyNs();

// Never less than ms milliseconds, whatever signals arrive.
void SleepMs(int64_t ms);

// ms milliseconds of the calling thread's CPU time: share percent of it in burn_alpha, the rest in
// burn_beta, in slices of at most 2.7 ms so that any stretch of time holds both.
void Burn(int64_t ms, int64_t share);

}  // namespace pinfo::testing

// Spins until the calling thread has used ns nanoseconds of CPU time more.
extern "C" void burn_alpha(int64_t ns);
extern "C" void burn_beta(int64_t ns);
// burn_alpha below that many frames of this function.
extern "C" void recurse(int64_t frames, int64_t ns);
// burn_alpha and then wait_for_timer, below that many frames of this function, 1 KB each.
extern "C" void descend(int64_t frames, int64_t ns);

// Each waits for about ns nanoseconds and returns how long it took by CLOCK_MONOTONIC: for a timer,
// for a lock that another thread holds, for another thread's answer on a socket.
extern "C" int64_t wait_for_timer(int64_t ns);
extern "C" int64_t wait_for_lock(int64_t ns);
extern "C" int64_t wait_for_upstream(int64_t ns);
