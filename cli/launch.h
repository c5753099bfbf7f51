// Starting a command below libpinfo.so: is it one that the dynamic linker loads it into, and the
// start itself.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "collector/base/result.h"

namespace pinfo::cli {

// The file that execvp(3) would run for this command.
Result<std::string> FindCommand(const std::string& command);

// Fails where LD_PRELOAD has no effect on the file: statically linked, set-uid, set-gid or with
// capabilities (ld.so(8), secure-execution mode), or built for another architecture. A script
// stands for its interpreter. The message names the reason and what to do instead.
Status CheckPreloadable(const std::string& path);

// The value of LD_PRELOAD that puts the library before what is there already.
std::string PrependPreload(const std::string& library, const char* present);

// Starts path with these arguments (the first is its name) and variables set on top of this
// process's environment. Returns the child's id once it has been executed.
Result<pid_t> Launch(const std::string& path, const std::vector<std::string>& arguments,
                     const std::vector<std::pair<std::string, std::string>>& variables);

// Passes SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1 and SIGUSR2 on to the child, but for what the
// terminal has sent to it as well. What somebody else sends to the whole process group reaches the
// child twice: the signal does not tell whether it was sent to the group or to pinfo alone.
void ForwardSignals(pid_t child);

// A status of wait(2) as a shell shows it: 128 + the signal for a killed process.
int ShellStatus(int wait_status);

}  // namespace pinfo::cli
