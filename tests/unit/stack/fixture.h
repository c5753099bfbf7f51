// A small library with inlined functions, whose own account of its lines the tests compare with.
#pragma once

namespace fixture {

using Callback = void (*)();

// Lines of fixture.cc: where the innermost inlined function calls back, and where the two
// functions around it call.
struct Lines {
  int inner_call = 0;
  int middle_call = 0;
  int outer_call = 0;
  int outer_begin = 0;
};

// outer -> middle (inlined) -> inner (inlined) -> callback.
void Outer(Callback callback);
Lines ExpectedLines();

}  // namespace fixture
