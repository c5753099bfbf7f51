// Reading the machine's own figures from /proc as a record of the stream: memory, swap, load, CPU
// time and, where the kernel has it, pressure stall information (PSI).
#pragma once

#include <string>

#include "collector/process/proc_record.h"

namespace pinfo {

// The texts of the files in /proc, so that reading them is apart from understanding them.
struct SystemFiles {
  std::string meminfo;
  std::string loadavg;
  std::string uptime;
  std::string stat;
  std::string cpu_pressure;  // empty where the kernel has no PSI
  std::string memory_pressure;
  std::string io_pressure;
};

// Pure; figures that a text does not have are 0. Formats: proc(5),
// Documentation/accounting/psi.rst.
pinfo_system ParseSystem(const SystemFiles& files);

// PINFO_RECORD_SYSTEM of this moment.
RecordBytes ReadSystemRecord();

}  // namespace pinfo
