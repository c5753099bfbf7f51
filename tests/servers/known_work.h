// Work of known length for the test servers: sleeping, and burning CPU in two functions that no
// optimizer may merge, inline or drop, so that a profile must show them by name.
#pragma once

#include <cstdint>

namespace pinfo::testing {

// CLOCK_MONOTONIC.
int64_t MonotonicNs();

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
